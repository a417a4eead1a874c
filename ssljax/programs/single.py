"""One method, one fit: the program of every bare Method."""

from __future__ import annotations

from typing import Any

from ssljax.programs.job import Job, feed_for, scorer
from ssljax.programs.run import Run


def single(run: Run, job: Job) -> dict[str, Any]:
    """Trains ``job.config.method`` and scores it once on the untouched test part.

    Returns:
      Scores of the last checkpoint: ``test_accuracy`` (shipped weights),
      ``test_accuracy_student``, ``test_accuracy_teacher``, ``validation_accuracy`` ...,
      and what the fit recorded (``selected``, ``wall_seconds``, ...).
    """
    method = job.method()
    state = run.fit(
        'main',
        method,
        feed_for(job, method),
        job.config.steps,
        evaluate=scorer(job, 'validation'),
    )
    test = run.once('test', lambda: scorer(job, 'test')(method, state))
    return {**run.record('main'), **test}
