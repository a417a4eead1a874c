"""Sweeps: what is worked out between two fits, of a teacher's answers on many rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import losses
from ssljax.contracts import Array, InputError, Method, Outputs, State, Variables
from ssljax.data import checks, collate
from ssljax.programs.job import Job, answering, variables_of
from ssljax.programs.run import Run
from ssljax.solvers import acquisition
from ssljax.solvers.subspaces import Subspaces, class_subspaces, coordinates, without


def sweep(
    run: Run, job: Job, name: str, settings: Any, method: Method, state: State
) -> Any:
    """Returns what a sweep finds, computed once a run.

    Args:
      run: the run.
      job: whose data are swept.
      name: of the stage.
      settings: 'sweep', one of ``SWEEPS``; 'of', the part of the data, default
        'unlabelled'; further arguments of the sweep.
      method: that answers.
      state: by whose shipped weights.
    """
    checks.known(f'stages.{name}.sweep', settings.sweep, SWEEPS)
    part = settings.get('of', 'unlabelled')
    checks.known(f'stages.{name}.of', part, job.data.rows)
    rows = job.data.rows[part]
    given = {k: x for k, x in settings.items() if k not in ('sweep', 'by', 'of')}

    def found():
        wanted = answering(job, method, _wanted)
        outputs = wanted(state, collate(job.data.source, rows, job.task.inputs))
        teacher = variables_of(state, method.ship)
        made = SWEEPS[settings.sweep](run.key(name), outputs, rows, teacher, **given)
        return made._asdict() if isinstance(made, Subspaces) else made

    made = run.once(name, found)
    return Subspaces(**made) if isinstance(made, dict) else made


def mined(
    key: Array,
    outputs: Outputs,
    rows: np.ndarray,
    teacher: Variables,
    *,
    count: int,
    random: bool = False,
) -> np.ndarray:
    """Takes the rows that are most probably of each class, as SSLD does.

    Args:
      key: PRNG key, consumed by ``random``.
      outputs: 'logits' [N, C] on the rows.
      rows: [N], of the source.
      teacher: not read.
      count: how many of each class; a row can be of two.
      random: takes as many rows in all, any of them: what mining is compared with.

    Returns:
      [n] rows of the source, ascending.
    """
    del teacher
    probs = jax.nn.softmax(outputs['logits'])
    chosen = np.unique(acquisition.highest_of_classes(probs, count))
    if random:
        chosen = np.asarray(jax.random.permutation(key, len(rows)))[: len(chosen)]
    return np.sort(rows[chosen])


def class_means(
    key: Array, outputs: Outputs, rows: np.ndarray, teacher: Variables
) -> np.ndarray:
    """Takes the mean features of the rows of each class, as KD++ needs them.

    A row is of the class that the teacher answers.

    Args:
      key: not read.
      outputs: 'logits' [N, C] and 'features' [N, D] on the rows, as they are.
      rows: not read.
      teacher: not read.

    Returns:
      [C, D] float32.
    """
    del key, rows, teacher
    logits = outputs['logits']
    guess = jnp.argmax(logits, axis=-1)
    return np.asarray(losses.class_means(outputs['features'], guess, logits.shape[-1]))


def class_vectors(
    key: Array, outputs: Outputs, rows: np.ndarray, teacher: Variables
) -> np.ndarray:
    """Takes the vectors that an encoder made of the classes' names.

    Args:
      key: not read.
      outputs: 'class_vectors' [N, C, D] of ``methods.named_classes``.
      rows: not read.
      teacher: not read.

    Returns:
      [C, D] float32.
    """
    del key, rows, teacher
    return np.asarray(outputs['class_vectors'][0])


def subspaces(
    key: Array,
    outputs: Outputs,
    rows: np.ndarray,
    teacher: Variables,
    *,
    subclasses: int,
    head: str = 'classifier',
    null_space: bool = True,
    random: bool = False,
) -> Subspaces:
    """Finds the directions along which LELP splits the classes of a teacher.

    A row is of the class that the teacher answers. What its head sees of the features
    is left out by the directions themselves, so that features need no projection later.
    They are scaled by one number, so that coordinates in one's own class have deviation
    1.

    Args:
      key: PRNG key, consumed.
      outputs: 'logits' [N, C] and 'features' [N, D] on the rows.
      rows: [N], not read.
      teacher: whose head has 'kernel' [D, C].
      subclasses: S, of each class.
      head: the name of its parameters.
      null_space: whether to leave out what it sees.
      random: takes any directions instead: what principal ones are compared with.

    Raises:
      InputError: if there is no such head.

    Source: LELP 2024, arXiv 2409.20449.
    """
    del rows
    weights = teacher.params.get(head, {}).get('kernel')
    if weights is None:
        raise InputError(
            f'head is {head!r}; the teacher has the parameters '
            f'{sorted(teacher.params)}, and the head must have a kernel.'
        )
    features = jnp.asarray(outputs['features'])
    left = without(features, weights) if null_space else features
    classes, guess = weights.shape[1], jnp.argmax(outputs['logits'], axis=-1)
    found = class_subspaces(key, left, guess, classes, subclasses)
    directions = jnp.swapaxes(found.directions, 1, 2)  # [C, S, D]
    if random:
        directions = jax.random.orthogonal(key, directions.shape[-1], (classes,))
        directions = directions[:, :subclasses]
    if null_space:
        directions = without(directions, weights)
    found = Subspaces(found.means, jnp.swapaxes(directions, 1, 2))
    own = coordinates(found, left)[jnp.arange(len(guess)), guess]
    return found._replace(directions=found.directions / jnp.std(own))


def _wanted(outputs: Outputs) -> Mapping[str, Array]:
    names = ('logits', 'features', 'class_vectors')
    return {name: outputs[name] for name in names if name in outputs}


SWEEPS: Mapping[str, Callable] = {
    'mined': mined,
    'subspaces': subspaces,
    'class_means': class_means,
    'class_vectors': class_vectors,
}
"""``(key, outputs, rows, teacher, **settings) -> arrays``."""
