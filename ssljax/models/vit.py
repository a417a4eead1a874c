"""Vision transformers as semi-supervised learning fine-tunes them (ViT-S/2 at 32x32).

Dosovitskiy et al., 2021 (https://arxiv.org/abs/2010.11929), in the form of USB (2022,
https://arxiv.org/abs/2208.07204; microsoft/Semi-supervised-learning,
semilearn/nets/vit/vit.py), down to the names of the weights.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.nn import initializers
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.adapters import from_nnx
from ssljax.models.images import check_images
from ssljax.models.precision import compute_type, widened
from ssljax.models.remat import through

EMBEDDINGS = ('cls_token', 'patch_embed', 'pos_embed')
"""Parameters below the first block."""


def vit(
    num_classes: int,
    *,
    image_size: int = 32,
    patch: int = 2,
    width: int = 384,
    depth: int = 12,
    heads: int = 6,
    image_channels: int = 3,
    dropout: float = 0.0,
    drop_path: float = 0.2,
    dtype: DTypeLike = 'float32',
    remat: bool = False,
) -> Network:
    """A transformer over patches, read out at its class token.

    USB's networks, all of depth 12 (patch, image_size; width, heads, drop_path)::

        vit_tiny_patch2_32     2,  32; 192,  3, 0.1
        vit_small_patch2_32    2,  32; 384,  6, 0.2
        vit_small_patch16_224  16, 224; 384, 6, 0.2
        vit_base_patch16_96    16, 96; 768, 12, 0.2

    Weights are small normal numbers to begin with; the papers' are pretrained ones, for
    which ``load_usb_weights`` is.

    Args:
      num_classes: C, answers of the linear head.
      image_size: side S of the inputs [B, S, S, image_channels] float32.
      patch: side of a patch; divides S.
      width: D, of a token.
      depth: blocks.
      heads: of the attention; divides D.
      image_channels: of the inputs.
      dropout: probability in [0, 1) of losing a number, after the positions, the
        attention and each half of the MLP; with a key.
      drop_path: probability that a row skips a branch of the last block; it rises
        evenly from 0 at the first one (stochastic depth); with a key.
      dtype: that the layers compute in; 'bfloat16' leaves parameters, features and
        logits float32.
      remat: computes the inside of every block again when the gradient asks for it,
        instead of keeping it.

    Returns:
      A Network that answers ``{'logits': [B, C], 'features': [B, D]}``, with the parts
      'encode' (images to ``{'features'}``) and 'head' (features to ``{'logits'}``).

    Raises:
      InputError: for sizes that do not divide, another dtype, or images that do not
        fit.
    """
    for name, whole, part in (('patch', image_size, patch), ('heads', width, heads)):
        if part < 1 or whole % part:
            raise InputError(f'{name} is {part}, which does not divide {whole}.')
    compute = compute_type(dtype)
    return from_nnx(
        lambda rngs: _ViT(
            num_classes,
            (image_size, patch, image_channels),
            width,
            heads,
            dropout,
            np.linspace(0, drop_path, depth).tolist(),
            remat,
            compute,
            rngs=rngs,
        ),
        parts={'encode': 'encode', 'head': 'classify'},
    )


def layerwise(decay: float) -> optax.GradientTransformation:
    r"""Slows the layers of a ``vit`` down, the more the deeper they lie.

    The embeddings are layer 0, the blocks 1 to L, the last norm belongs to block L, and
    whatever else there is, such as heads, is layer L + 1. Updates of layer l are
    multiplied by :math:`d^{L + 1 - l}`. It comes last in ``optax.chain``, so that a
    decoupled weight decay is slowed down as well.

    Args:
      decay: d in (0, 1], 0.5 to 0.95 in USB.

    Raises:
      InputError: for another decay, or (when called) if there is no block.

    Source: Bao et al. 2022 (BEiT), arXiv 2106.08254; layers as in timm and USB.
    """
    if not 0 < decay <= 1:
        raise InputError(f'layer_decay is {decay}; give a number in (0, 1].')

    def update(updates, params=None):
        del params
        paths = [path for path, _ in jax.tree.leaves_with_path(updates)]
        blocks = [_layer(path, 0) for path in paths if 'blocks' in _names(path)]
        if not blocks:
            raise InputError('layer_decay needs the parameters of a vit; none are.')
        last = max(blocks)

        def scaled(path, x):
            return x * decay ** (last + 1 - _layer(path, last))

        return jax.tree.map_with_path(scaled, updates)

    return optax.stateless(update)


def _names(path) -> list[str]:
    return [str(getattr(key, 'key', key)) for key in path]


def _layer(path, last: int) -> int:
    """Of a parameter, by its path in the tree."""
    names = _names(path)
    if 'blocks' in names:
        return int(names[names.index('blocks') + 1]) + 1
    if any(name in EMBEDDINGS for name in names):
        return 0
    return last if 'norm' in names else last + 1


_normal = initializers.truncated_normal(0.02)


class _ViT(nnx.Module):
    def __init__(
        self, num_classes, sizes, width, heads, dropout, paths, remat, dtype, *, rngs
    ):
        self.size, patch, self.image_channels = sizes
        self.remat = remat
        self.patch_embed = nnx.Dict(
            proj=nnx.Conv(
                self.image_channels,
                width,
                (patch, patch),
                (patch, patch),
                padding='VALID',
                dtype=dtype,
                rngs=rngs,
            )
        )
        tokens = (self.size // patch) ** 2 + 1
        self.cls_token = nnx.Param(_normal(rngs.params(), (1, 1, width)))
        self.pos_embed = nnx.Param(_normal(rngs.params(), (1, tokens, width)))
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.blocks = nnx.List(
            _Block(width, heads, dropout, path, dtype, rngs=rngs) for path in paths
        )
        self.norm = nnx.LayerNorm(width, epsilon=1e-6, dtype=dtype, rngs=rngs)
        # The only layer behind the features, which are float32.
        self.head = nnx.Linear(width, num_classes, kernel_init=_normal, rngs=rngs)

    def encode(self, x):
        check_images(x, self.image_channels)
        if x.shape[1:3] != (self.size, self.size):
            raise InputError(
                f'inputs must be {self.size}x{self.size} for this network, found '
                f'{x.shape[1]}x{x.shape[2]}: build it with their image_size.'
            )
        x = self.patch_embed['proj'](x)  # [B, S / patch, S / patch, D]
        x = x.reshape(x.shape[0], -1, x.shape[-1])
        first = jnp.broadcast_to(self.cls_token[...], (x.shape[0], 1, x.shape[-1]))
        x = jnp.concatenate([first.astype(x.dtype), x], axis=1)
        x = self.dropout(x + self.pos_embed[...].astype(x.dtype))
        run = through(self.remat)
        for block in self.blocks:
            x = run(block, x)
        return {'features': widened(self.norm(x[:, 0]))}

    def classify(self, features):
        return {'logits': self.head(features)}

    def __call__(self, x):
        outputs = self.encode(x)
        return outputs | self.classify(outputs['features'])


class _Block(nnx.Module):
    """Attention, then a perceptron on each token, both of what is normalised."""

    def __init__(self, width, heads, dropout, path, dtype, *, rngs):
        norm = functools.partial(
            nnx.LayerNorm, width, epsilon=1e-6, dtype=dtype, rngs=rngs
        )
        linear = functools.partial(
            nnx.Linear, dtype=dtype, kernel_init=_normal, rngs=rngs
        )
        self.heads = heads
        self.norm1, self.norm2 = norm(), norm()
        self.attn = nnx.Dict(qkv=linear(width, 3 * width), proj=linear(width, width))
        self.mlp = nnx.Dict(fc1=linear(width, 4 * width), fc2=linear(4 * width, width))
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.skip = nnx.Dropout(path, broadcast_dims=(1, 2), rngs=rngs)  # whole rows

    def __call__(self, x):
        x = x + self.skip(self._attend(self.norm1(x)))
        return x + self.skip(self._think(self.norm2(x)))

    def _attend(self, x):
        qkv = self.attn['qkv'](x)  # [B, T, 3 D]: queries, keys, values, head by head
        qkv = qkv.reshape(*x.shape[:2], 3, self.heads, -1)
        q, k, v = (qkv[:, :, i] for i in range(3))
        seen = jax.nn.dot_product_attention(q, k, v)  # its softmax is float32
        return self.dropout(self.attn['proj'](seen.reshape(x.shape)))

    def _think(self, x: Any) -> Any:
        wide = jax.nn.gelu(self.mlp['fc1'](x), approximate=False)
        return self.dropout(self.mlp['fc2'](self.dropout(wide)))
