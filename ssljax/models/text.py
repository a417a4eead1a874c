"""A small classifier of texts: embeddings, convolutions, attention over the words."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.adapters import from_nnx
from ssljax.models.precision import compute_type, widened


def text_cnn(
    num_classes: int,
    *,
    vocabulary: int,
    embedding: int = 64,
    channels: Sequence[int] = (64,),
    kernel: int = 3,
    dropout: float = 0.0,
    dtype: DTypeLike = 'float32',
) -> Network:
    """Embeds words, mixes neighbours by residual convolutions, and attends to some.

    Its inputs are the dict ``{'tokens': [B, T] int32, 'length': [B] int32}``. What
    stands behind the length of a text does not change its answer, so that a text
    answers the same however far it is filled up.

    Args:
      num_classes: C, answers of the linear head.
      vocabulary: V, tokens are in [0, V).
      embedding: width of a word.
      channels: width of each convolution, the last one being D; () is a bag of words.
      kernel: words that a convolution sees.
      dropout: probability in [0, 1) of losing a number of an embedded word, and of a
        feature before the head; with a key.
      dtype: that the embedding and the convolutions compute in; 'bfloat16' leaves
        parameters, attention, features and logits float32.

    Returns:
      A Network that answers ``{'logits': [B, C], 'features': [B, D]}``, with the parts
      'encode' (texts to ``{'features'}``) and 'head' (features to ``{'logits'}``).

    Raises:
      InputError: for another dtype, or if inputs do not fit.
    """
    compute = compute_type(dtype)
    return from_nnx(
        lambda rngs: _TextCNN(
            num_classes,
            vocabulary,
            embedding,
            channels,
            kernel,
            dropout,
            compute,
            rngs=rngs,
        ),
        parts={'encode': 'encode', 'head': 'head'},
    )


class _TextCNN(nnx.Module):
    def __init__(
        self,
        num_classes,
        vocabulary,
        embedding,
        channels,
        kernel,
        dropout,
        dtype,
        *,
        rngs,
    ):
        widths = [embedding, *channels]
        self.embed = nnx.Embed(vocabulary, embedding, dtype=dtype, rngs=rngs)
        self.convs = nnx.List(
            nnx.Conv(a, b, (kernel,), dtype=dtype, rngs=rngs)
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.attention = nnx.Linear(widths[-1], 1, rngs=rngs)
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.classifier = nnx.Linear(widths[-1], num_classes, rngs=rngs)

    def encode(self, inputs):
        found = sorted(inputs) if isinstance(inputs, dict) else type(inputs).__name__
        if found != ['length', 'tokens'] or inputs['tokens'].ndim != 2:
            raise InputError(
                f'inputs are {found}; give the dict of tokens [B, T] and length [B].'
            )
        tokens, length = inputs['tokens'], inputs['length']
        real = jnp.arange(tokens.shape[1])[None] < length[:, None]  # [B, T]
        x = self.dropout(self.embed(tokens))
        for conv in self.convs:
            # Behind the text there is silence, at the input of every convolution.
            mixed = jax.nn.relu(conv(x * real[..., None]))
            x = x + mixed if x.shape == mixed.shape else mixed
        x = widened(x)
        score = jnp.where(real, self.attention(x)[..., 0], -jnp.inf)
        score = jnp.where(real.any(1, keepdims=True), score, 0.0)
        weight = jax.nn.softmax(score, axis=1)
        return {'features': (x * weight[..., None]).sum(1)}

    def head(self, features):
        return {'logits': self.classifier(self.dropout(features))}

    def __call__(self, inputs):
        outputs = self.encode(inputs)
        return outputs | self.head(outputs['features'])
