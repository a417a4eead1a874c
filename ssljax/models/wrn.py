"""Wide residual networks as semi-supervised learning uses them (WRN-28-2, WRN-37-2).

Zagoruyko and Komodakis, 2016 (https://arxiv.org/abs/1605.07146), in the form of Oliver
et al., 2018 (https://arxiv.org/abs/1804.09170): leaky ReLU of slope 0.1, batch norm
that keeps 0.999 of its statistics. It follows the torch code of USB (2022,
https://arxiv.org/abs/2208.07204; microsoft/Semi-supervised-learning, commit 1ef4cbeb,
semilearn/nets/wrn/wrn.py), down to the weights: see ``load_usb_weights``.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import nnx, traverse_util
from jax.nn import initializers
from jax.typing import DTypeLike

from ssljax.contracts import Array, InputError, Network, Variables
from ssljax.models.adapters import from_nnx
from ssljax.models.images import check_images
from ssljax.models.norms import BatchNorm, check_statistics
from ssljax.models.precision import compute_type, widened
from ssljax.models.remat import through


def wide_resnet(
    num_classes: int,
    *,
    depth: int = 28,
    width: int = 2,
    blocks: int = 3,
    first_stride: int = 1,
    image_channels: int = 3,
    transition: str = 'raw',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
    remat: bool = False,
) -> Network:
    """WRN-depth-width: blocks of n residual units each.

    For the 96x96 pixels of STL-10, WRN-37-2 has a fourth block, and its first one
    halves the image too: ``wide_resnet(10, depth=37, blocks=4, first_stride=2)``.

    Args:
      num_classes: C, answers of the linear head.
      depth: layers, the shortcuts between blocks among them: 1 + blocks * (2 n + 1),
        which is 10, 16, 22, 28, ... for three blocks, 13, 21, 29, 37, ... for four.
      width: multiplies the channels 16, 32, 64, ... of the blocks; D is the last.
      blocks: at least 1.
      first_stride: of the first block, 1 or 2; each other one halves the image.
      image_channels: of the inputs [B, H, W, image_channels] float32, H and W at least
        4 for three blocks.
      transition: what the convolutions of the first unit of the other blocks are fed.
        'raw' is USB's code: the unit's input as it is, so that the unit's first batch
        norm keeps statistics but has no influence. 'activated' is the residual layout
        of google-research/fixmatch (libml/models.py): norm and leaky ReLU first, as in
        every other unit (with raw shortcut). That TensorFlow network also has biases
        in all convolutions and epsilon 1e-3 in all norms, which this one has not.
      statistics: batch statistics inside ``jax.shard_map``: 'global', of the rows of
        all devices, or 'device', of each its own.
      dtype: that the layers compute in; 'bfloat16' leaves parameters, statistics,
        features and logits float32.
      remat: computes the inside of every residual unit again when the gradient asks
        for it, instead of keeping it: less memory for a third forward pass.

    Returns:
      A Network that answers ``{'logits': [B, C], 'features': [B, D]}``, with the parts
      'encode' (images to ``{'features'}``), 'head' (features to ``{'logits'}``) and
      'taps' (all of these, and 'stage1' [B, H, W, 16 width], ... as each block ends).

    Raises:
      InputError: for an impossible depth, transition, statistics or dtype, or images
        that do not fit.
    """
    units, rest = divmod(depth - 1 - blocks, 2 * blocks)
    if units < 1 or rest:
        possible = ', '.join(str(1 + blocks * (2 * n + 1)) for n in range(1, 5))
        raise InputError(
            f'depth must be {possible}, ... for {blocks} blocks, found {depth}.'
        )
    if transition not in ('raw', 'activated'):
        raise InputError(
            f"transition must be 'raw' (USB) or 'activated' (FixMatch in TensorFlow), "
            f'found {transition!r}.'
        )
    check_statistics(statistics)
    compute = compute_type(dtype)
    norm = functools.partial(
        BatchNorm, momentum=0.999, unbiased=True, statistics=statistics
    )
    return from_nnx(
        lambda rngs: _WideResNet(
            num_classes,
            units,
            (16, *(16 * width * 2**i for i in range(blocks))),
            image_channels,
            (first_stride, *(2,) * (blocks - 1)),
            # The first block activates before it branches, for its shortcut too.
            ('activated for both', *(transition,) * (blocks - 1)),
            functools.partial(_conv, dtype=compute, rngs=rngs),
            norm,
            remat,
            rngs=rngs,
        ),
        parts={'encode': 'encode', 'head': 'head', 'taps': 'taps'},
    )


def load_usb_weights(variables: Variables, arrays: Mapping[str, Array]) -> Variables:
    """Puts the weights of a USB checkpoint into Variables of one of its networks.

    Args:
      variables: of a ``wide_resnet`` or a ``vit`` of the same sizes,
        from its ``init`` or from ``jax.eval_shape`` of it: only shapes and dtypes are
        looked at.
      arrays: the torch state_dict as numpy arrays, such as
        ``'block1.layer.0.conv1.weight'`` [out, in, 3, 3]. ``num_batches_tracked``
        plays no part (it counts only where torch averages without momentum).

    Returns:
      Variables of the same structure.

    Raises:
      InputError: if a name is missing or left over, or a shape is another.
    """
    wanted = traverse_util.flatten_dict(variables._asdict())
    names = {path: _torch_name(path) for path in wanted}
    found = {name for name in arrays if not name.endswith('num_batches_tracked')}
    if found != set(names.values()):
        odd = sorted(found ^ set(names.values()))
        raise InputError(
            f'arrays must be the state_dict of this network, found {len(odd)} names '
            f'on one side only, the first being {odd[0]!r}: check depth and width.'
        )
    loaded = {}
    for path, old in wanted.items():
        new = jnp.asarray(arrays[names[path]], old.dtype)
        if path[-1] == 'kernel':  # torch: [out, in, ...]; here: [..., in, out]
            new = jnp.moveaxis(new, (0, 1), (-1, -2))
        if new.shape != old.shape:
            raise InputError(
                f'arrays[{names[path]!r}] must give {old.shape}, found {new.shape}.'
            )
        loaded[path] = new
    return Variables(**traverse_util.unflatten_dict(loaded))


_TORCH_NAMES = {
    'kernel': 'weight',
    'scale': 'weight',
    'mean': 'running_mean',
    'var': 'running_var',
    'shortcut': 'convShortcut',
}


def _torch_name(path):
    """('params', 'block1', '0', 'bn1', 'scale') is 'block1.layer.0.bn1.weight'."""
    _, first, *rest = path
    layer = ['layer'] if re.fullmatch(r'block\d', first) else []
    return '.'.join([first, *layer, *(_TORCH_NAMES.get(name, name) for name in rest)])


class _WideResNet(nnx.Module):
    def __init__(
        self,
        num_classes,
        units,
        widths,
        image_channels,
        strides,
        feeds,
        conv,
        norm,
        remat,
        *,
        rngs,
    ):
        self.image_channels = image_channels
        self.remat = remat
        # Its bias starts at 0, not at torch's random one: a batch norm takes it away.
        self.conv1 = conv(image_channels, widths[0], 3, bias=True)
        pairs = zip(itertools.pairwise(widths), strides, feeds, strict=True)
        for number, (pair, stride, feed) in enumerate(pairs, start=1):
            block = _block(*pair, stride, units=units, feed=feed, conv=conv, norm=norm)
            setattr(self, f'block{number}', block)
        self.blocks = len(strides)
        self.smallest = math.prod(strides)
        self.bn1 = norm(widths[-1], epsilon=1e-3)
        self.classifier = nnx.Linear(
            widths[-1], num_classes, kernel_init=initializers.glorot_normal(), rngs=rngs
        )

    def stages(self, x):
        check_images(x, self.image_channels, self.smallest)
        run = through(self.remat)
        x = self.conv1(x)
        for number in range(1, self.blocks + 1):
            for unit in getattr(self, f'block{number}'):
                x = run(unit, x)
            yield x

    def encode(self, x):
        *_, last = self.stages(x)
        return {'features': widened(_leaky_relu(self.bn1(last))).mean((1, 2))}

    def taps(self, x):
        maps = list(self.stages(x))
        named = {f'stage{i}': x for i, x in enumerate(maps, start=1)}
        features = widened(_leaky_relu(self.bn1(maps[-1]))).mean((1, 2))
        return {**named, 'features': features, **self.head(features)}

    def head(self, features):
        return {'logits': self.classifier(features)}

    def __call__(self, x):
        outputs = self.encode(x)
        return outputs | self.head(outputs['features'])


def _block(inside, outside, stride, *, units, feed, conv, norm):
    ins, strides = [inside] + [outside] * (units - 1), [stride] + [1] * (units - 1)
    return nnx.List(
        _Unit(i, outside, s, feed, conv, norm)
        for i, s in zip(ins, strides, strict=True)
    )


class _Unit(nnx.Module):
    """Norm, activation and convolution, twice, added to the input.

    Where the channels change, the input goes through a 1x1 convolution and ``feed``
    says what the branch and this shortcut are fed.
    """

    def __init__(self, inside, outside, stride, feed, conv, norm):
        same = inside == outside and stride == 1
        self.feed = 'activated' if same else feed
        self.bn1 = norm(inside)
        self.conv1 = conv(inside, outside, 3, stride)
        self.bn2 = norm(outside)
        self.conv2 = conv(outside, outside, 3)
        self.shortcut = None if same else conv(inside, outside, 1, stride)

    def __call__(self, x):
        active = _leaky_relu(self.bn1(x))
        branch = self.conv1(x if self.feed == 'raw' else active)
        branch = self.conv2(_leaky_relu(self.bn2(branch)))
        if self.feed == 'activated for both':
            x = active
        return branch + (x if self.shortcut is None else self.shortcut(x))


def _conv(inside, outside, size, stride=1, *, bias=False, dtype, rngs):
    return nnx.Conv(
        inside,
        outside,
        (size, size),
        stride,
        padding=size // 2,  # torch's; 'SAME' pads an even image on one side only
        use_bias=bias,
        dtype=dtype,
        kernel_init=initializers.variance_scaling(2.0, 'fan_out', 'normal'),
        rngs=rngs,
    )


_leaky_relu = functools.partial(jax.nn.leaky_relu, negative_slope=0.1)
