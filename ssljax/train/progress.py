"""How far a fit is and how fast: a bar on a terminal, else a line an evaluation."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any


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
        self.name, self.last = name, last
        self.images, self._seconds = info['images'], info['seconds']
        self._first, self._began = info['step'], time.monotonic()
        self._since: float | None = None  # when the current lap began
        self._shown = bool(show)
        self._bar: Any = None
        if show == 'bar' or (show and sys.stderr.isatty()):
            from tqdm import tqdm

            self._bar = tqdm(
                desc=name,
                total=last,
                initial=self._first,
                unit='step',
                dynamic_ncols=True,
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def seconds(self) -> float:
        """Of all laps so far."""
        lap = 0.0 if self._since is None else time.monotonic() - self._since
        return self._seconds + lap

    def resume(self) -> None:
        """Begins a lap."""
        self._since = time.monotonic()

    def pause(self) -> None:
        """Ends a lap; call it when all that was sent is finished."""
        self._seconds, self._since = self.seconds, None

    def sent(self, steps: int) -> None:
        """Counts steps that were dispatched."""
        if self._bar is not None:
            self._bar.update(steps)

    def finished(self, images: int) -> None:
        """Counts rows of a dispatch that is finished."""
        self.images += images

    def say(self, text: str) -> None:
        """Prints a line that begins with the fit's name."""
        if self._bar is not None:
            self._bar.write(self.name + text, file=sys.stderr)
        elif self._shown:
            print(self.name + text, file=sys.stderr, flush=True)

    def show(
        self, row: Mapping[str, Any], names: Iterable[str], evaluated: bool
    ) -> None:
        """Shows some numbers of a row: in the bar, or in a line if it was evaluated."""
        texts = [f'{n} {_short(row[n])}' for n in names if n in row]
        if self.seconds:
            texts.append(f'{self.images / self.seconds:.0f} images/s')
        if self._bar is not None:
            self._bar.set_postfix_str(', '.join(texts))
        elif evaluated:
            step = row['step']
            pace = (time.monotonic() - self._began) / (step - self._first)
            minutes, seconds = divmod(round(pace * (self.last - step)), 60)
            texts.append(f'{minutes}:{seconds:02d} left')
            self.say(f' {step}/{self.last}: {", ".join(texts)}')


def _short(value: float | None) -> str:
    return 'NaN' if value is None else f'{value:.4g}'
