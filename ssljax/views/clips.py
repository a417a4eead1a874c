"""Clips: frames that are seen through one and the same draw of a view."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError, View
from ssljax.views import warp
from ssljax.views.coordinates import carry

FRAMES = ('image', 'mask', 'landmarks', 'visible', 'boxes', 'valid')
"""Fields that a clip has once a frame, and a view of an image moves or changes."""


def clip(view: View) -> View:
    """Lets a view of images see the frames [T, ...] of a clip, all alike.

    Motion stays what it was: what is drawn (an angle, a crop, a place for a hole, the
    noise) is drawn once a clip. A crop drawn for every frame by itself would have to be
    explained by the tracker as motion.

    Args:
      view: of single images. The fields of ``FRAMES`` and ``warp`` get a frame axis T
        in front; others (``annotated`` [T], ``person``) stay as they are. A known
        ``flow`` [T - 1, H, W, 2] moves with the frames, by their ``warp``.

    Raises:
      InputError: when called, if the image is no clip.
    """

    def seen(key, example):
        if jnp.ndim(example['image']) != 4:
            raise InputError(
                f'image has shape {jnp.shape(example["image"])}; a clip is [T, H, W, '
                'channels].'
            )
        frames = {name: example[name] for name in FRAMES if name in example}
        moved = jax.vmap(view, in_axes=(None, 0))(key, frames)
        if 'flow' in example and 'warp' in moved:
            matrix, shape = moved['warp'][0], moved['image'].shape[1:3]
            moved['flow'] = jax.vmap(lambda f: _carried(f, matrix, shape))(
                jnp.asarray(example['flow'], jnp.float32)
            )
        return {**example, **moved}

    return seen


def _carried(flow: Array, matrix: Array, shape: tuple[int, int]) -> Array:
    """A flow [H, W, 2] as the view shows it: both ends of it move."""
    begin = warp.grid(flow.shape[:2])[:2].T.reshape(flow.shape)
    seen = carry(begin + flow, matrix) - carry(begin, matrix)
    return warp.move({'image': seen}, matrix, shape=shape)['image']
