"""Times of what is compared, taken in turn: a machine whose speed drifts slows all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax


class Steps:
    """Steps of a method, of which each call goes on where the last one ended."""

    def __init__(self, step: Callable, state: Any, batch: Any, inner: int):
        """Begins at a state, which may be donated; a call takes ``inner`` steps."""
        self.step, self.state, self.batch, self.inner = step, state, batch, inner
        self.metrics: dict[str, Any] = {}

    def __call__(self) -> None:
        """Takes the steps and waits for them."""
        for _ in range(self.inner):
            self.state, self.metrics = self.step(self.state, self.batch)
        jax.block_until_ready(self.state)


def in_turn(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list]:
    """Returns seconds by name, one a round; every other round goes backwards.

    Args:
      runs: name to what is timed, which waits for its own results. Each is called once
        before, which counts for nothing.
      rounds: at least 1.
    """
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for one in range(rounds):
        for name in list(runs)[:: 1 if one % 2 == 0 else -1]:
            start = time.perf_counter()
            runs[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def quotient(above: list[float], below: list[float]) -> tuple[float, list[float]]:
    """Returns median and quartiles of above / below, round by round; of 2 or more."""
    quotients = [a / b for a, b in zip(above, below, strict=True)]
    low, _, high = statistics.quantiles(quotients, n=4)
    return statistics.median(quotients), [low, high]
