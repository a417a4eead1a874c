"""How far a fit is and how fast: a bar on a terminal, else a line an evaluation."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import jax


class Progress:
    """Shows a fit's progress on stderr, and measures its pace.

    The pace counts the steps alone: neither compiling nor evaluating nor saving.

    Args:
      name: of the fit.
      info: of the checkpoint that it goes on from: 'step', and 'images' and 'seconds'
        that earlier processes counted.
      last: the step to be reached.
      show: True for a bar on a terminal and else a line an evaluation; ``'bar'`` for a
        bar anywhere; False for nothing.
    """

    def __init__(
        self, name: str, info: Mapping[str, Any], last: int, *, show: bool | str
    ):
        self.name, self.step, self.last = name, info['step'], last
        self.images, self.seconds = info['images'], info['seconds']
        self._first, self._began = self.step, time.monotonic()
        self._since: float | None = None  # when the current lap began
        self._lap = 0  # images dispatched in it
        self._lines = bool(show)
        self._bar: Any = None
        if show == 'bar' or (show and sys.stderr.isatty()):
            from tqdm import tqdm

            self._bar = tqdm(
                desc=name,
                total=last,
                initial=self.step,
                unit='step',
                dynamic_ncols=True,
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, result: Any, images: int) -> None:
        """Counts a step that was dispatched; waits for the first one, which compiles.

        Args:
          result: arrays of the step.
          images: rows of its batch.
        """
        self.step += 1
        if self._since is None:
            jax.block_until_ready(result)
            self._since = time.monotonic()
        else:
            self._lap += images
        if self._bar is not None:
            self._bar.update()

    def pause(self) -> None:
        """Ends a lap; call it when all dispatched steps are finished."""
        assert self._since is not None
        self.seconds += time.monotonic() - self._since
        self.images += self._lap

    def resume(self) -> None:
        """Begins the next lap."""
        self._since, self._lap = time.monotonic(), 0

    def show(
        self, row: Mapping[str, Any], names: Iterable[str], evaluated: bool
    ) -> None:
        """Shows some numbers of a row: in the bar, or in a line if it was evaluated."""
        texts = [f'{n} {_short(row[n])}' for n in names if n in row]
        if self.seconds:
            texts.append(f'{self.images / self.seconds:.0f} images/s')
        if self._bar is not None:
            self._bar.set_postfix_str(', '.join(texts))
        elif self._lines and evaluated:
            pace = (time.monotonic() - self._began) / (self.step - self._first)
            minutes, seconds = divmod(round(pace * (self.last - self.step)), 60)
            texts.append(f'{minutes}:{seconds:02d} left')
            line = f'{self.name} {self.step}/{self.last}: {", ".join(texts)}'
            print(line, file=sys.stderr, flush=True)


def _short(value: float | None) -> str:
    return 'NaN' if value is None else f'{value:.4g}'
