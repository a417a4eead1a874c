"""Views of text, ``tokens`` [T] int32 of which the first ``length`` [] count.

Token 0 fills the rest, and is none of the vocabulary; ``data.tokens`` makes both.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, Example, InputError, View

PAD = 0
"""What fills a text up."""


def drop(probability: float) -> View:
    """Leaves tokens out, each with a probability, but never all of them.

    Args:
      probability: in [0, 1).
    """
    if not 0 <= probability < 1:
        raise InputError(f'probability is {probability}; give a number in [0, 1).')

    def view(key, example):
        tokens, length = _words(example)
        at = jnp.arange(len(tokens))
        draw = jax.random.uniform(key, tokens.shape)
        real = at < length
        kept = (draw >= probability) & real
        # If nothing is kept, the token is that came nearest to it.
        spared = at == jnp.argmax(jnp.where(real, draw, -1.0))
        kept = jnp.where(kept.any(), kept, spared & real)
        order = jnp.argsort(~kept, stable=True)
        count = kept.sum().astype(length.dtype)
        left = jnp.where(at < count, tokens[order], PAD).astype(tokens.dtype)
        return {**example, 'tokens': left, 'length': count}

    return view


def swap(share: float) -> View:
    """Exchanges pairs of tokens at random places, one after the other.

    Args:
      share: pairs for each token, >= 0; rounded down, for the longest text.
    """
    if share < 0:
        raise InputError(f'share is {share}; give a number >= 0.')

    def view(key, example):
        tokens, length = _words(example)
        pairs = int(share * len(tokens))
        draws = jax.random.uniform(key, (pairs, 2))
        places = jnp.floor(draws * length).astype(jnp.int32)

        def exchange(number, x):
            a, b = places[number]
            exchanged = x.at[a].set(x[b]).at[b].set(x[a])
            return jnp.where(number < jnp.floor(share * length), exchanged, x)

        return {**example, 'tokens': jax.lax.fori_loop(0, pairs, exchange, tokens)}

    return view


class WordWeights(NamedTuple):
    """What ``replace`` knows of a corpus."""

    idf: np.ndarray  # [V] float32, log(texts / texts that have the word); 0 if none has
    cumulative: np.ndarray  # [V] float32, chance that a replacement is below or this


def word_weights(tokens: np.ndarray, length: np.ndarray, size: int) -> WordWeights:
    """Counts a corpus once, for ``replace``.

    A word replaces others the likelier, the less it says: in proportion to
    ``max(S) - S(word)``, its summed TF-IDF.

    Args:
      tokens: [N, T] int, of training texts.
      length: [N] int.
      size: V, words of the vocabulary with the fill.
    """
    tokens, length = np.asarray(tokens), np.asarray(length)
    real = np.arange(tokens.shape[1])[None] < length[:, None]
    text = np.broadcast_to(np.arange(len(tokens))[:, None], tokens.shape)[real]
    word = tokens[real]
    if not len(word) or word.min() < 0 or word.max() >= size:
        raise InputError(
            f'tokens hold {len(word)} words, the largest {word.max(initial=0)}; give '
            f'at least one, all from 0 to {size - 1}.'
        )
    texts = np.bincount(np.unique(text * size + word) % size, minlength=size)
    idf = np.where(texts > 0, np.log(len(tokens) / np.maximum(texts, 1)), 0)
    summed = np.bincount(word, weights=1 / length[text], minlength=size) * idf
    weight = np.where(texts > 0, summed.max() - summed, 0)
    weight[PAD] = 0
    if not weight.any():  # all words say the same
        weight = (texts > 0).astype(float)
    cumulative = np.cumsum(weight) / weight.sum()
    return WordWeights(idf.astype(np.float32), cumulative.astype(np.float32))


def replace(weights: WordWeights, share: float) -> View:
    """Replaces the words that say least by others that say little.

    A word is replaced with a probability in proportion to ``max(q) - q(word)``, q its
    TF-IDF in this text, scaled so that ``share`` of the words are replaced on average.

    Args:
      weights: of the corpus, from ``word_weights``.
      share: in [0, 1].

    Source: Xie et al. 2019, arXiv 1904.12848 (UDA, appendix and its code).
    """
    if not 0 <= share <= 1:
        raise InputError(f'share is {share}; give a number in [0, 1].')

    def view(key, example):
        tokens, length = _words(example)
        real = jnp.arange(len(tokens)) < length
        same = (tokens[:, None] == tokens[None, :]) & real[None, :]
        count = same.sum(1)
        q = count / jnp.maximum(length, 1) * jnp.asarray(weights.idf)[tokens]
        dull = jnp.where(real, jnp.max(jnp.where(real, q, 0.0)) - q, 0.0)
        chance = dull / jnp.maximum(dull.sum(), 1e-9) * share * length
        draws = jax.random.uniform(key, (2, len(tokens)))
        other = jnp.searchsorted(weights.cumulative, draws[0], side='right')
        other = jnp.minimum(other, len(weights.idf) - 1).astype(tokens.dtype)
        return {**example, 'tokens': jnp.where(draws[1] < chance, other, tokens)}

    return view


def other(name: str = 'translated') -> View:
    """Shows another wording of the text where there is one: its back-translation.

    Translate elsewhere, and lay the result over the source by row number::

        fields = {'translated': tokens, 'translated_length': lengths}  # [n, T], [n]
        source = data.overlay(source, rows, fields)

    Rows without one keep their words. The stream must name both fields in
    ``Stream.fields``.

    Args:
      name: of the field of tokens [T]; ``<name>_length`` [] is its length.
    """

    def view(key, example):
        del key
        for field in (name, f'{name}_length'):
            if field not in example:
                raise InputError(
                    f'The example has {sorted(example)} and no {field!r}; lay it over '
                    'the source with data.overlay, and name it in Stream.fields.'
                )
        has: Array = example[f'{name}_length'] > 0  # -1 in rows that got none
        return {
            **example,
            'tokens': jnp.where(has, example[name], example['tokens']),
            'length': jnp.where(has, example[f'{name}_length'], example['length']),
        }

    return view


def _words(example: Example) -> tuple[Array, Array]:
    return jnp.asarray(example['tokens']), jnp.asarray(example['length'])
