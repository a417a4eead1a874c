"""How a frame of a clip is foretold from the one beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, Example, InputError, Network
from ssljax.losses.flow import warp_by_flow
from ssljax.views.prepare import row_keys


class Tracking(NamedTuple):
    """A source of foretold frames."""

    foretell: Callable
    # (variables, clips, key) -> frames [B, T - 1, H, W, channels], flow [B, T - 1, ...]
    frames: slice  # of a clip: those that the foretold ones stand for
    fields: tuple[str, ...] = ()  # that clips bring beside 'image'


def tracking(
    network: Network | None, *, known: bool = False, failing: float = 0.0
) -> Tracking:
    """Returns how frames are foretold: by a network, by known flow, or not at all.

    A network's flow leads back: frame t + 1 is what frame t shows at its end. Known
    flow leads on: frame t is what frame t + 1 shows there. Without either every frame
    stands for itself, and its flow is 0.

    Args:
      network: of clips, answering 'flow' [B, T - 1, H, W, 2] from each frame to the
        next; it is shown the reversed clip.
      known: takes ``clips['flow']`` instead.
      failing: share of the frames in which the flow is off, by up to a quarter of the
        image's side in each direction.

    Raises:
      InputError: if both a network and known flow are asked for, or frames shall fail
        where nothing is tracked.
    """
    if network is not None and known:
        raise InputError('Give a tracker or known_flow, not both.')
    if network is None and not known:
        if failing:
            raise InputError(
                f'failing is {failing}, but nothing is tracked; give a tracker or '
                'known_flow.'
            )
        return Tracking(_itself, slice(1, None))

    def by_network(variables, clips: Example, key):
        assert network is not None  # else it would have returned
        images = clips['image']
        outputs, _ = network.apply(variables, images[:, ::-1], train=False)
        flow = _spoilt(outputs['flow'][:, ::-1], failing, key)
        return warp_by_flow(images[:, :-1], flow), flow

    def by_known(variables, clips: Example, key):
        del variables
        flow = _spoilt(clips['flow'], failing, key)
        return warp_by_flow(clips['image'][:, 1:], flow), flow

    if known:
        return Tracking(by_known, slice(0, -1), ('flow',))
    return Tracking(by_network, slice(1, None))


def _itself(variables, clips: Example, key):
    del variables, key
    images = clips['image'][:, 1:]
    return images, jnp.zeros((*images.shape[:-1], 2))


def _spoilt(flow, failing: float, key):
    """A flow [B, T - 1, H, W, 2], displaced as a whole in a share of the frames."""
    if not failing:
        return flow
    most = min(flow.shape[2:4]) / 4
    return flow + astray(key, flow, failing, most)[:, :, None, None]


def astray(key: Array, like: Array, share: float, most: float) -> Array:
    """Draws how far off a source is that fails in a share of the frames.

    Args:
      key: consumed; rows are the same on any number of devices.
      like: [B, T, ...], what the source says.
      share: of the frames in which it fails.
      most: how far it can be off in each direction, uniformly.

    Returns:
      [B, T, 2] float32, 0 where it does not fail.
    """
    rows, frames = like.shape[:2]

    def clip(key):
        where, how = jax.random.split(key)
        fails = jax.random.bernoulli(where, share, (frames, 1))
        off = jax.random.uniform(how, (frames, 2), minval=-most, maxval=most)
        return jnp.where(fails, off, 0.0)

    return jax.vmap(clip)(row_keys(key, shards.row_numbers(rows, like=like)))
