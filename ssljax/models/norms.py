"""Batch norm as the papers have it, on one device or on several."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.models.precision import widened

STATISTICS = ('global', 'device')


def norm_of(name: str, *, statistics: str, dtype: DTypeLike) -> Callable:
    """Returns ``(width, *, rngs) -> layer``.

    Args:
      name: 'group', eight groups or as many as divide both eight and the width; or
        'batch'.
      statistics: of 'batch', as ``BatchNorm`` takes them.
      dtype: of what goes in and comes out.

    Raises:
      InputError: for another name or other statistics.
    """
    check_statistics(statistics)

    def group(width, *, rngs):
        groups = math.gcd(width, 8)
        return nnx.GroupNorm(width, num_groups=groups, dtype=dtype, rngs=rngs)

    def batch(width, *, rngs):
        del rngs  # it starts as the identity
        return BatchNorm(width, statistics=statistics)

    norms = {'group': group, 'batch': batch}
    if name not in norms:
        raise InputError(f"norm must be 'group' or 'batch', found {name!r}.")
    return norms[name]


def check_statistics(statistics: str) -> None:
    """Refuses other statistics than ``STATISTICS``."""
    if statistics not in STATISTICS:
        raise InputError(
            f"statistics must be 'global' or 'device', found {statistics!r}."
        )


class BatchNorm(nnx.Module):
    """Batch norm [..., channels] over all axes but the last.

    It computes in float32 and answers in the type of its inputs. Which statistics it
    takes, the batch's or the running ones, the adapters say.

    Inside ``jax.shard_map`` every device holds its own part of the batch. Their
    running statistics are averaged there, so that they stay the same everywhere.
    Without it, also under ``jit`` on a mesh, there is one batch only: 'device' and
    'global' are the same.

    Args:
      channels: of the inputs.
      momentum: what the running statistics keep of themselves, in [0, 1].
      epsilon: added to the variance.
      unbiased: whether the variance among them is the unbiased one, as torch has it; it
        normalises by the biased one in any case.
      statistics: 'global', of the rows of all devices, or 'device', of each its own.
    """

    def __init__(
        self,
        channels: int,
        *,
        momentum: float = 0.99,
        epsilon: float = 1e-5,
        unbiased: bool = False,
        statistics: Literal['global', 'device'] | str = 'global',
    ):
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.var = nnx.BatchStat(jnp.ones(channels))
        self.momentum = momentum
        self.epsilon = epsilon
        self.unbiased = unbiased
        self.together = statistics == 'global'
        self.use_running_average = False

    def __call__(self, x: Array) -> Array:
        """Returns x normalised, and moves the running statistics if it is told to."""
        wide = widened(x)
        over = tuple(range(x.ndim - 1))
        if self.use_running_average:
            mean, var = self.mean[...], self.var[...]
            centred = wide - jnp.expand_dims(mean, over)
        else:
            mean = self._of_batch(wide.mean(over))
            centred = wide - jnp.expand_dims(mean, over)
            # Around the mean of all rows: no difference of two large numbers.
            var = self._of_batch(jnp.square(centred).mean(over))
            self._move(mean, var * self._correction(x))
        gain = self.scale[...] * jax.lax.rsqrt(var + self.epsilon)
        y = centred * jnp.expand_dims(gain, over)
        return (y + jnp.expand_dims(self.bias[...], over)).astype(x.dtype)

    def _of_batch(self, moment):
        return shards.mean(moment) if self.together else moment

    def _correction(self, x):
        sites = x.size // x.shape[-1] * (shards.count(x) if self.together else 1)
        return sites / max(sites - 1, 1) if self.unbiased else 1.0

    def _move(self, mean, var):
        for old, new in ((self.mean, mean), (self.var, var)):
            new = shards.mean(jax.lax.stop_gradient(new))
            old[...] = self.momentum * old[...] + (1 - self.momentum) * new
