"""How a frame of a clip is foretold from the one beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Example, InputError, Network
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
    rows, frames, *sides, _ = flow.shape
    most = min(sides) / 4

    def clip(key):
        where, how = jax.random.split(key)
        fails = jax.random.bernoulli(where, failing, (frames, 1))
        off = jax.random.uniform(how, (frames, 2), minval=-most, maxval=most)
        return jnp.where(fails, off, 0.0)

    keys = row_keys(key, shards.row_numbers(rows, like=flow))
    return flow + jax.vmap(clip)(keys)[:, :, None, None]
