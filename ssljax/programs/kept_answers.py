"""Answers of a teacher on every row, once, over the source that a stage learns from."""

from __future__ import annotations

from typing import Any

from ssljax.contracts import Method, State
from ssljax.data import cached, collate
from ssljax.programs.job import Job, answering, variables_of
from ssljax.programs.run import Run


def answered(
    run: Run, job: Job, name: str, settings: Any, method: Method, state: State
) -> Job:
    """Returns the job with a teacher's answers as columns of its source.

    They are computed once a run, on the images as they are, of the rows that the job
    has for training.

    Args:
      run: the run.
      job: whose 'unlabelled' rows are answered.
      name: of the stage that learns them.
      settings: 'top', how many of the surest classes are kept; 0 or nothing keeps all.
      method: of the teacher.
      state: that it was trained to, of which the shipped weights answer.

    Raises:
      InputError: if answers that the run kept are of another source or teacher.
    """
    rows, source = job.data.rows['unlabelled'], job.data.source
    teacher = variables_of(state, method.ship)

    def sweep():
        answer = answering(job, method, lambda outputs: outputs['logits'])
        logits = answer(state, collate(source, rows, job.task.inputs))
        top = settings.get('top', 0)
        return cached.answers(source, rows, logits, teacher, top)

    found = run.once(f'answers_{name}', sweep)
    kept = cached.over(source, found, teacher)
    return job._replace(data=job.data._replace(source=kept))
