"""Networks that answer heatmaps: convolutional pose machines and stacked hourglasses.

They answer 'heatmaps' [B, S, h, w, C] of S stages, the last being the answer, and
'feature_map' [B, h, w, D], both float32. Heatmaps start near 0 everywhere, which is
what they nearly are. ``models.per_frame`` lets them answer clips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.convolutions import (
    Hourglass,
    Read,
    Residual,
    Unit,
    built,
    check_sides,
)
from ssljax.models.precision import widened


def landmark_cnn(
    num_landmarks: int,
    *,
    image_channels: int = 1,
    channels: Sequence[int] = (32, 64),
    stages: int = 2,
    background: bool = False,
    centre: bool = False,
    norm: str = 'group',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """A small convolutional pose machine, for images of 32x32 to 128x128.

    Stage 1 reads the features of a place; each later one reads the features and all
    heatmaps of the stage before, in a window of 9x9 cells, and so learns where
    landmarks lie to each other.

    Args:
      num_landmarks: K.
      image_channels: of the inputs [B, H, W, image_channels] float32.
      channels: width of each step of the encoder, which halves the image: two of them
        make heatmaps of stride 4. The last one is D and the width of the stages.
      stages: S, at least 1.
      background: a last heatmap, C = K + 1, for where no landmark is.
      centre: also answers 'centre' [B, h, w, 1], logits of where the centre is, and
        'offsets' [B, h, w, 2K], from there to every landmark in cells, x and y by
        turns.
      norm: 'group' or 'batch', see ``small_cnn``.
      statistics: of the norm 'batch' inside ``jax.shard_map``, see ``small_cnn``.
      dtype: that the convolutions compute in.

    Raises:
      InputError: for impossible options, or images whose sides the stride does not
        divide.

    Source: Wei et al. 2016 (CPM), arXiv 1602.00134; the centre is TSAL's, arXiv
    2012.06711. Both with VGG16 there, in stages of width 128 and windows of 7x7.
    """
    if stages < 1 or not channels:
        raise InputError(
            f'stages is {stages} and channels {tuple(channels)}; give one at least.'
        )
    return built(
        lambda kit: _PoseMachine(
            num_landmarks, image_channels, channels, stages, background, centre, kit
        ),
        norm,
        statistics,
        dtype,
    )


def hourglass(
    num_landmarks: int,
    *,
    image_channels: int = 3,
    width: int = 64,
    stacks: int = 2,
    depth: int = 3,
    background: bool = False,
    norm: str = 'batch',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """Stacked hourglasses, each of which sees the whole image and answers.

    Args:
      num_landmarks: K.
      image_channels: of the inputs [B, H, W, image_channels] float32.
      width: D, of all layers; 256 in the paper.
      stacks: S, at least 1; 8 in the paper.
      depth: how often an hourglass halves its input, which is of stride 4; the image's
        sides are multiples of 4 * 2**depth. 4 in the paper.
      background: as in ``landmark_cnn``, as are the others.
      norm: 'group' or 'batch'.
      statistics: of the norm 'batch'.
      dtype: that the convolutions compute in.

    Source: Newell et al. 2016, arXiv 1603.06937, with plain residual units.
    """
    if stacks < 1 or depth < 1:
        raise InputError(f'stacks is {stacks} and depth {depth}; give 1 at least.')
    return built(
        lambda kit: _Stacked(
            num_landmarks, image_channels, width, stacks, depth, background, kit
        ),
        norm,
        statistics,
        dtype,
    )


class _PoseMachine(nnx.Module):
    def __init__(
        self, num_landmarks, image_channels, channels, stages, background, centre, kit
    ):
        self.image_channels = image_channels
        self.stride = 2 ** len(channels)
        widths = [image_channels, *channels]
        # Even kernels, so that a cell sees as far to the right as to the left.
        self.encoder = nnx.List(
            layer
            for a, b in zip(widths, widths[1:], strict=False)
            for layer in (Unit(a, b, 4, 2, kit=kit), Unit(b, b, kit=kit))
        )
        width, answers = channels[-1], num_landmarks + background
        self.first = Unit(width, width, kit=kit)
        self.later = nnx.List(
            nnx.List(
                [
                    Unit(width + answers, width, 5, kit=kit),
                    Unit(width, width, 5, kit=kit),
                ]
            )
            for _ in range(stages - 1)
        )
        self.reads = nnx.List(Read(width, answers, kit=kit) for _ in range(stages))
        # The face is seen at once, then told to every cell.
        self.whole = Hourglass(width, 2, kit=kit) if centre else None
        if centre:
            # Few cells are centres: at first each says 1 in 100 (Lin et al. 2017).
            self.centre = Read(width, 1, bias=-math.log(99), kit=kit)
            self.offsets = Read(width, 2 * num_landmarks, kit=kit)

    def __call__(self, x):
        coarse = 1 if self.whole is None else 4
        check_sides(x, self.image_channels, self.stride * coarse)
        for unit in self.encoder:
            x = unit(x)
        found = [self.reads[0](self.first(x))]
        for units, read in zip(self.later, list(self.reads)[1:], strict=True):
            y = jnp.concatenate([x, found[-1].astype(x.dtype)], axis=-1)
            for unit in units:
                y = unit(y)
            found.append(read(y))
        outputs = {'heatmaps': jnp.stack(found, axis=1), 'feature_map': widened(x)}
        if self.whole is not None:
            seen = self.whole(x)
            outputs |= {'centre': self.centre(seen), 'offsets': self.offsets(seen)}
        return outputs


class _Stacked(nnx.Module):
    def __init__(
        self, num_landmarks, image_channels, width, stacks, depth, background, kit
    ):
        self.image_channels = image_channels
        self.multiple = 4 * 2**depth
        answers = num_landmarks + background
        self.stem = nnx.List(
            [
                Unit(image_channels, width, 4, 2, kit=kit),
                Residual(width, width, kit=kit),
                Unit(width, width, 4, 2, kit=kit),
            ]
        )
        self.glasses = nnx.List(Hourglass(width, depth, kit=kit) for _ in range(stacks))
        self.after = nnx.List(Unit(width, width, 1, kit=kit) for _ in range(stacks))
        self.reads = nnx.List(Read(width, answers, kit=kit) for _ in range(stacks))
        # What one hourglass found is told to the next, beside what came before.
        self.told = nnx.List(
            Unit(width + answers, width, 1, plain=True, kit=kit)
            for _ in range(stacks - 1)
        )

    def __call__(self, x):
        check_sides(x, self.image_channels, self.multiple)
        for layer in self.stem:
            x = layer(x)
        found, told = [], [*self.told, None]
        for glass, after, read, tell in zip(
            self.glasses, self.after, self.reads, told, strict=True
        ):
            y = after(glass(x))
            found.append(read(y))
            if tell is not None:
                both = jnp.concatenate([y, found[-1].astype(y.dtype)], axis=-1)
                x = x + tell(both)
        return {'heatmaps': jnp.stack(found, axis=1), 'feature_map': widened(y)}
