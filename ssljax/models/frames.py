"""Networks of images, asked about clips."""

from __future__ import annotations

from collections.abc import Callable

import jax

from ssljax.contracts import InputError, Network


def per_frame(network: Network) -> Network:
    """Lets a network of images answer clips, each frame by itself.

    Frames are rows of one batch, so batch statistics are over all frames of all clips.

    Args:
      network: of images [B, H, W, channels], whose answers have the batch axis first.

    Returns:
      The Network of clips [B, T, H, W, channels]; answers are [B, T, ...]. Its
      variables are the same, and single images it answers as before.
    """

    def init(key, inputs):
        return network.init(key, _rows(inputs)[0])

    def entry(apply: Callable) -> Callable:
        def answer(variables, inputs, *, train: bool, key=None):
            rows, lead = _rows(inputs)
            outputs, stats = apply(variables, rows, train=train, key=key)
            outputs = jax.tree.map(lambda x: x.reshape(*lead, *x.shape[1:]), outputs)
            return outputs, stats

        return answer

    parts = {name: entry(part) for name, part in network.parts.items()}
    return Network(init, entry(network.apply), parts)


def _rows(inputs):
    """Returns images [rows, H, W, channels], and the axes before that."""
    if inputs.ndim < 4:
        raise InputError(
            f'inputs have shape {inputs.shape}; give clips [B, T, H, W, channels] or '
            'images [B, H, W, channels].'
        )
    return inputs.reshape(-1, *inputs.shape[-3:]), inputs.shape[:-3]
