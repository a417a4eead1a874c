"""Views drawn on the host, one step ahead of the accelerator."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax

from ssljax.contracts import Array
from ssljax.views import step_key


def on_host(
    feed: Callable[[int], Any], prepare: Callable[[Array, Any], Any], key: Array
) -> HostViews:
    """Feeds batches that have their views, drawn by the CPU while the device steps.

    The draws are those of ``methods.prepared(method, prepare)``, whose step draws them
    on the device: take this feed and the method itself in place of the raw feed and the
    prepared method. For accelerators that the views would keep from training.

    Args:
      feed: of raw batches.
      prepare: ``(key, raw) -> batch``, of ``views.prepare``.
      key: typed PRNG key [] of the run, ``State.key``: ``run.key(name)``.

    Returns:
      The feed. ``feed.close()`` ends its thread, and the feed below if that can close;
      it may be used again.
    """
    return HostViews(feed, prepare, key)


class HostViews:
    """A feed that ``on_host`` made."""

    def __init__(self, feed, prepare, key):
        self._feed, self._key = feed, jax.device_put(key, jax.devices('cpu')[0])

        def draw(key, step, raw):
            return prepare(step_key(key, step), raw)

        # The key is on the CPU, so all of it runs there.
        self._draw = jax.jit(draw)
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: tuple[int, Future] | None = None

    def __call__(self, step: int) -> dict[str, Any]:
        """Returns the batch of a step, and begins with the next one."""
        step = int(step)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix='views')
        if self._ahead is None or self._ahead[0] != step:
            self._ahead = step, self._thread.submit(self._made, step)
        batch = self._ahead[1].result()
        self._ahead = step + 1, self._thread.submit(self._made, step + 1)
        return batch

    def close(self) -> None:
        """Ends the thread, and the feed below."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self._thread = self._ahead = None
        if hasattr(self._feed, 'close'):
            self._feed.close()

    def _made(self, step):
        return jax.device_get(self._draw(self._key, step, self._feed(step)))
