"""Words to numbers: a vocabulary built on training text, kept as JSON."""

from __future__ import annotations

import collections
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssljax.contracts import InputError

PAD, UNKNOWN = 0, 1
_SPECIAL = ('<pad>', '<unknown>')
_WORD = re.compile(r"\w+(?:'\w+)?|[^\w\s]")


class Vocabulary(NamedTuple):
    """Words by number; 0 fills a text up, 1 stands for all words that are none."""

    words: tuple[str, ...]


def split(text: str) -> list[str]:
    """Returns the words and signs of a text, in small letters."""
    return _WORD.findall(text.lower())


def build(texts: Iterable[str], *, size: int = 20_000, at_least: int = 2) -> Vocabulary:
    """Returns the most frequent words of texts; of equals the first in the alphabet.

    Args:
      texts: of training rows only; what the test texts hold must not count.
      size: numbers at most, the two special ones among them.
      at_least: times that a word must be seen.

    Raises:
      InputError: if no word is left.
    """
    counts = collections.Counter(word for text in texts for word in split(text))
    kept = sorted(
        (word for word, count in counts.items() if count >= at_least),
        key=lambda word: (-counts[word], word),
    )
    if not kept or size <= len(_SPECIAL):
        raise InputError(
            f'texts have {len(counts)} words, {len(kept)} of them {at_least} times, '
            f'and size is {size}: no word is left.'
        )
    return Vocabulary((*_SPECIAL, *kept[: size - len(_SPECIAL)]))


def encode(
    vocabulary: Vocabulary, texts: Sequence[str], *, length: int
) -> dict[str, np.ndarray]:
    """Returns the fields ``tokens`` [N, length] int32 and ``length`` [N] int32.

    Args:
      vocabulary: from ``build``.
      texts: [N]; a longer one is cut, a shorter one filled up with 0.
      length: words of a text, at least 1.

    Raises:
      InputError: if length is below 1, or a text has no word.
    """
    if length < 1:
        raise InputError(f'length is {length}; give at least 1.')
    number = {word: i for i, word in enumerate(vocabulary.words)}
    tokens = np.full((len(texts), length), PAD, np.int32)
    lengths = np.zeros(len(texts), np.int32)
    for row, text in enumerate(texts):
        words = split(text)[:length]
        if not words:
            raise InputError(
                f'texts[{row}] is {text!r}, which has no word; leave it out.'
            )
        tokens[row, : len(words)] = [number.get(word, UNKNOWN) for word in words]
        lengths[row] = len(words)
    return {'tokens': tokens, 'length': lengths}


def lengths(tokens: np.ndarray) -> np.ndarray:
    """Returns how many of tokens [N, T] stand before the filling, [N] int32."""
    # From the end: a 0 between words would be a word of its own.
    real = np.maximum.accumulate(tokens[:, ::-1] != PAD, axis=1)
    return real.sum(1).astype(np.int32)


def decode(vocabulary: Vocabulary, tokens: np.ndarray, length: int) -> str:
    """Returns the words of tokens [T], of which the first ``length`` count."""
    return ' '.join(vocabulary.words[token] for token in tokens[:length])


def save(path: str | os.PathLike[str], vocabulary: Vocabulary) -> None:
    """Writes a vocabulary as a JSON list."""
    text = json.dumps(list(vocabulary.words), ensure_ascii=False, indent=0)
    Path(path).write_text(text + '\n', encoding='utf-8')


def load(path: str | os.PathLike[str]) -> Vocabulary:
    """Reads a vocabulary that ``save`` wrote.

    Raises:
      InputError: if the file is none.
    """
    try:
        words = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise InputError(f'{path} is no readable vocabulary: {error}') from error
    whole = isinstance(words, list) and all(isinstance(word, str) for word in words)
    if not whole or tuple(words[:2]) != _SPECIAL or len(set(words)) != len(words):
        raise InputError(f'{path} is no vocabulary that tokens.save wrote.')
    return Vocabulary(tuple(words))
