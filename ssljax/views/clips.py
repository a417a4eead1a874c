"""Clips: frames that are seen through one and the same draw of a view."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import InputError, View

FRAMES = ('image', 'mask', 'landmarks', 'visible', 'boxes', 'valid')
"""Fields that a clip has once a frame, and a view of an image moves or changes."""


def clip(view: View) -> View:
    """Lets a view of images see the frames [T, ...] of a clip, all alike.

    Motion stays what it was: what is drawn (an angle, a crop, a place for a hole, the
    noise) is drawn once a clip. A crop drawn for every frame by itself would have to be
    explained by the tracker as motion.

    Args:
      view: of single images. The fields of ``FRAMES`` and ``warp`` get a frame axis T
        in front; others (``annotated`` [T], ``person``) stay as they are.

    Raises:
      InputError: when called, if the image is no clip, or the view moves a clip that
        comes with its known ``flow``, which would no longer be true.
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
            raise InputError(
                'The view moves frames whose flow is given; leave geometry out of the '
                'views, or track without a known flow.'
            )
        return {**example, **moved}

    return seen
