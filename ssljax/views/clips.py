"""Clips: frames that are seen by a view of images."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError, View
from ssljax.views import warp
from ssljax.views.coordinates import carry, inverse, product

FRAMES = (
    'image',
    'mask',
    'landmarks',
    'visible',
    'boxes',
    'points',
    'valid',
    'warp',
)
"""Fields that a clip has once a frame, and a view of an image moves or changes."""


def clip(view: View, *, alike: bool = True) -> View:
    """Lets a view of images see the frames [T, ...] of a clip.

    Args:
      view: of single images. The fields of ``FRAMES`` have a frame axis T in front;
        others (``annotated`` [T], ``person``) stay as they are. A known
        ``flow`` [T - 1, H, W, 2] moves with the frames, by their ``warp``.
      alike: whether what is drawn (an angle, a crop, a place for a hole) is drawn once
        a clip, so that motion stays what it was: a tracker would have to explain a crop
        of each frame's own as motion. Noise of a sensor is the other way round: the
        same pattern on all frames says that nothing moved, and is best drawn for each.
        What moves pixels has to be alike where a flow is known.

    Raises:
      InputError: when called, if the image is no clip, or a flow would not move along.
    """

    def seen(key, example):
        if jnp.ndim(example['image']) != 4:
            raise InputError(
                f'image has shape {jnp.shape(example["image"])}; a clip is [T, H, W, '
                'channels].'
            )
        frames = {name: example[name] for name in FRAMES if name in example}
        if alike:
            moved = jax.vmap(view, in_axes=(None, 0))(key, frames)
        else:
            keys = jax.random.split(key, example['image'].shape[0])
            moved = jax.vmap(view)(keys, frames)
            if 'flow' in example and 'warp' in moved.keys() - frames.keys():
                raise InputError(
                    'alike is False for a view that moves pixels, and the clip has a '
                    'flow; move all frames alike.'
                )
        if alike and 'flow' in example and 'warp' in moved:
            matrix, shape = moved['warp'][0], moved['image'].shape[1:3]
            if 'warp' in frames:
                matrix = product(matrix, inverse(frames['warp'][0]))
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
