"""Choosing, on validation, the numbers by which a trained state answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping

import jax.numpy as jnp

from ssljax.contracts import InputError, State


def choose(
    state: State,
    entry: str,
    grid: Mapping[str, Iterable[float]],
    score: Callable[[State], float],
) -> dict[str, float]:
    """Returns the numbers of the best score, which ``answering`` then puts in.

    Args:
      state: as a fit ended.
      entry: of ``State.memory``: a dict of numbers that ``Method.predict`` reads, such
        as the 'mixture' of ``methods.dho``.
      grid: the values to try of each, all with all, the last name changing quickest;
        of equals the first is chosen. Numbers that it does not name stay.
      score: ``state -> float``, higher is better, of validation and never of test.

    Raises:
      InputError: if the state has no such numbers, or a name has no values.
    """
    tried = []
    for values in itertools.product(*grid.values()):
        numbers = dict(zip(grid, map(float, values), strict=True))
        tried.append((score(answering(state, entry, numbers)), numbers))
    if not tried:
        raise InputError(f'grid of {entry!r} is {dict(grid)}; give values of each.')
    return max(tried, key=lambda pair: pair[0])[1]


def answering(state: State, entry: str, numbers: Mapping[str, float]) -> State:
    """Returns the state with other numbers to answer by.

    Raises:
      InputError: if ``State.memory[entry]`` has none of that name.
    """
    known = state.memory.get(entry)
    names = sorted(known) if isinstance(known, Mapping) else []
    for name in numbers:
        if name not in names:
            raise InputError(
                f'{entry!r} has the numbers {names} to choose and none called {name!r}.'
            )
    assert known is not None
    new = {name: jnp.asarray(x, known[name].dtype) for name, x in numbers.items()}
    return state._replace(memory={**state.memory, entry: {**known, **new}})
