"""CLIP's two encoders, which lay images and texts into one space, and their weights.

Radford et al., 2021 (https://arxiv.org/abs/2103.00020), down to the names of the
tensors in its published model.safetensors. Class vectors of any names are the text
encoder's features; ``methods.promptkd`` distils by them.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx, traverse_util
from jax.nn import initializers

from ssljax.contracts import Array, InputError, Network, Variables
from ssljax.models.adapters import from_nnx
from ssljax.models.images import check_images

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the colours that it was trained on, for ``views.normalize``."""


def clip_vision(
    *,
    image_size: int = 224,
    patch: int = 16,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    outputs: int = 512,
    prompts: int = 0,
    prompt_depth: int = 9,
) -> Network:
    """The image encoder; by default that of ViT-B/16.

    ViT-L/14 is ``patch=14, width=1024, depth=24, heads=16, outputs=768``.

    Args:
      image_size: side S of the inputs [B, S, S, 3] float32, normalised by ``MEAN`` and
        ``STD``.
      patch: side of a patch; divides S.
      width: of a token.
      depth: layers.
      heads: of the attention; divides the width.
      outputs: E, width of the answer.
      prompts: P, tokens that are learnt and stand behind the patches, anew in each of
        the first layers (PromptKD: 4); parameter 'prompts' [layers, P, width].
      prompt_depth: how many layers have prompts.

    Returns:
      A Network that answers ``{'features': [B, E]}``, not normalised.

    Raises:
      InputError: for sizes that do not divide, or images that do not fit.
    """
    _divides('patch', image_size, patch)
    _divides('heads', width, heads)
    return from_nnx(
        lambda rngs: _Vision(
            (image_size, patch),
            width,
            depth,
            heads,
            outputs,
            (min(prompt_depth, depth), prompts, width),
            rngs=rngs,
        )
    )


def clip_text(
    *,
    vocabulary: int = 49408,
    positions: int = 77,
    width: int = 512,
    depth: int = 12,
    heads: int = 8,
    outputs: int = 512,
) -> Network:
    """The text encoder; by default that of ViT-B/16. ViT-L/14's is of width 768.

    Its inputs are tokens [B, T] int32 of the byte pair encoding, T up to ``positions``.
    The last token of a text has the highest number of all, and is where it is read out.

    Args:
      vocabulary: V, tokens are in [0, V).
      positions: of the longest text.
      width: of a token.
      depth: layers.
      heads: of the attention; divides the width.
      outputs: E, width of the answer.

    Returns:
      A Network that answers ``{'features': [B, E]}``, not normalised.

    Raises:
      InputError: for heads that do not divide the width, or longer texts.
    """
    _divides('heads', width, heads)
    return from_nnx(
        lambda rngs: _Text(
            vocabulary, positions, width, depth, heads, outputs, rngs=rngs
        )
    )


def load_clip_weights(
    variables: Variables, arrays: Mapping[str, Array] | str | os.PathLike[str]
) -> Variables:
    """Puts the weights of a published CLIP into Variables of one of its encoders.

    Args:
      variables: of ``clip_vision`` or ``clip_text`` of the same sizes, from its
        ``init`` or from ``jax.eval_shape`` of it. Prompts, of which a checkpoint has
        none, stay what they are.
      arrays: by name, such as 'vision_model.post_layernorm.weight', or the path of the
        .safetensors that holds them. Those of the other encoder play no part.

    Returns:
      Variables of the same structure.

    Raises:
      InputError: if the file can't be read, if a tensor is missing, or of another
        shape.
    """
    tensors = arrays if isinstance(arrays, Mapping) else read_safetensors(arrays)
    wanted = traverse_util.flatten_dict(dict(variables.params))
    names = {path: _tensor_name(path) for path in wanted if path != ('prompts',)}
    if missing := sorted(set(names.values()) - set(tensors)):
        raise InputError(
            f'arrays lack {len(missing)} of the {len(names)} tensors of this encoder: '
            f'{", ".join(missing[:3])}{", ..." if len(missing) > 3 else ""}; check its '
            'sizes, or convert the checkpoint again.'
        )
    loaded = dict(wanted)
    for path, name in names.items():
        new = jnp.asarray(np.asarray(tensors[name]), wanted[path].dtype)
        if path[-1] == 'kernel':  # torch: [out, in, ...]; here: [..., in, out]
            new = jnp.moveaxis(new, (0, 1), (-1, -2))
        if new.shape != wanted[path].shape:
            raise InputError(
                f'{name} must give {wanted[path].shape}, found {new.shape}.'
            )
        loaded[path] = new
    return Variables(traverse_util.unflatten_dict(loaded), variables.stats)


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Returns the tensors of a file by name.

    Raises:
      InputError: if the package safetensors is missing, or the file can't be read.
    """
    try:
        from safetensors.numpy import load_file
    except ImportError:
        raise InputError(
            "A .safetensors needs the package: pip install 'ssljax[clip]'."
        ) from None
    try:
        return load_file(path)
    except Exception as error:
        raise InputError(f"{path} can't be read as .safetensors: {error}") from error


def _divides(name: str, whole: int, part: int) -> None:
    if part < 1 or whole % part:
        raise InputError(f'{name} is {part}, which does not divide {whole}.')


def _tensor_name(path: tuple[str, ...]) -> str:
    last = {'kernel': 'weight', 'scale': 'weight', 'embedding': 'weight'}
    return '.'.join((*path[:-1], last.get(path[-1], path[-1])))


_normal = initializers.normal(0.02)


class _Vision(nnx.Module):
    def __init__(self, sizes, width, depth, heads, outputs, prompts, *, rngs):
        self.size, patch = sizes
        tokens = (self.size // patch) ** 2 + 1
        self.vision_model = nnx.Dict(
            embeddings=nnx.Dict(
                class_embedding=nnx.Param(_normal(rngs.params(), (width,))),
                patch_embedding=nnx.Conv(
                    3,
                    width,
                    (patch, patch),
                    (patch, patch),
                    padding='VALID',
                    use_bias=False,
                    rngs=rngs,
                ),
                position_embedding=nnx.Embed(tokens, width, rngs=rngs),
            ),
            pre_layrnorm=_norm(width, rngs=rngs),  # so it is written in the file
            encoder=_layers(width, depth, heads, rngs=rngs),
            post_layernorm=_norm(width, rngs=rngs),
        )
        self.visual_projection = nnx.Linear(width, outputs, use_bias=False, rngs=rngs)
        if prompts[1]:
            self.prompts = nnx.Param(_normal(rngs.params(), prompts))
        self.prompted = prompts[0] if prompts[1] else 0

    def __call__(self, x):
        check_images(x, 3)
        if x.shape[1:3] != (self.size, self.size):
            raise InputError(
                f'inputs must be {self.size}x{self.size} for this network, found '
                f'{x.shape[1]}x{x.shape[2]}: build it with their image_size.'
            )
        model = self.vision_model
        x = model['embeddings']['patch_embedding'](x)
        x = x.reshape(x.shape[0], -1, x.shape[-1])
        first = model['embeddings']['class_embedding'][...]
        first = jnp.broadcast_to(first[None, None], (len(x), 1, len(first)))
        x = jnp.concatenate([first, x], axis=1)
        places = model['embeddings']['position_embedding'].embedding[...]
        x = model['pre_layrnorm'](x + places[None])
        own = x.shape[1]
        for i, layer in enumerate(model['encoder']['layers']):
            if i < self.prompted:
                new = self.prompts[...][i]
                new = jnp.broadcast_to(new[None], (len(x), *new.shape))
                x = jnp.concatenate([x[:, :own], new], axis=1)
            x = layer(x, causal=False)
        return {'features': self.visual_projection(model['post_layernorm'](x[:, 0]))}


class _Text(nnx.Module):
    def __init__(self, vocabulary, positions, width, depth, heads, outputs, *, rngs):
        self.text_model = nnx.Dict(
            embeddings=nnx.Dict(
                token_embedding=nnx.Embed(vocabulary, width, rngs=rngs),
                position_embedding=nnx.Embed(positions, width, rngs=rngs),
            ),
            encoder=_layers(width, depth, heads, rngs=rngs),
            final_layer_norm=_norm(width, rngs=rngs),
        )
        self.text_projection = nnx.Linear(width, outputs, use_bias=False, rngs=rngs)

    def __call__(self, tokens):
        places = self.text_model['embeddings']['position_embedding'].embedding[...]
        if tokens.ndim != 2 or tokens.shape[1] > len(places):
            raise InputError(
                f'tokens is {tokens.shape}; give [B, T] with T up to {len(places)}.'
            )
        x = self.text_model['embeddings']['token_embedding'](tokens)
        x = x + places[None, : tokens.shape[1]]
        for layer in self.text_model['encoder']['layers']:
            x = layer(x, causal=True)
        x = self.text_model['final_layer_norm'](x)
        last = jnp.argmax(tokens, axis=1)[:, None, None]
        ends = jnp.take_along_axis(x, last, axis=1)[:, 0]
        return {'features': self.text_projection(ends)}


_norm = functools.partial(nnx.LayerNorm, epsilon=1e-5)


def _layers(width, depth, heads, *, rngs):
    layers = nnx.List(_Layer(width, heads, rngs=rngs) for _ in range(depth))
    return nnx.Dict(layers=layers)


class _Layer(nnx.Module):
    """Attention, then a perceptron on each token, both of what is normalised."""

    def __init__(self, width, heads, *, rngs):
        linear = functools.partial(nnx.Linear, kernel_init=_normal, rngs=rngs)
        self.heads = heads
        self.layer_norm1, self.layer_norm2 = (_norm(width, rngs=rngs) for _ in 'ab')
        self.self_attn = nnx.Dict(
            {f'{name}_proj': linear(width, width) for name in ('q', 'k', 'v', 'out')}
        )
        self.mlp = nnx.Dict(fc1=linear(width, 4 * width), fc2=linear(4 * width, width))

    def __call__(self, x, *, causal):
        seen = self.layer_norm1(x)
        q, k, v = (
            self.self_attn[f'{name}_proj'](seen).reshape(*x.shape[:2], self.heads, -1)
            for name in 'qkv'
        )
        mixed = jax.nn.dot_product_attention(q, k, v, is_causal=causal)
        x = x + self.self_attn['out_proj'](mixed.reshape(x.shape))
        wide = self.mlp['fc1'](self.layer_norm2(x))
        return x + self.mlp['fc2'](wide * jax.nn.sigmoid(1.702 * wide))
