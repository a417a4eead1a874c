"""Views of text: only real tokens move, and the dull ones are replaced."""

import jax
import numpy as np
import pytest

from ssljax import data
from ssljax.contracts import InputError
from ssljax.views import text

KEYS = jax.random.split(jax.random.key(0, impl='rbg'), 200)
TOKENS = np.array([5, 6, 7, 8, 9, 0, 0, 0], np.int32)
LENGTH = np.int32(5)


def seen(view, tokens=TOKENS, length=LENGTH, **more):
    """Two hundred draws: tokens [200, T] and lengths [200]."""
    example = {'tokens': tokens, 'length': length, **more}
    found = jax.jit(jax.vmap(lambda key: view(key, example)))(KEYS)
    assert found['tokens'].dtype == np.int32 and found['length'].dtype == np.int32
    return np.asarray(found['tokens']), np.asarray(found['length'])


def test_drop_keeps_order_and_at_least_one():
    tokens, length = seen(text.drop(0.6))
    for row, count in zip(tokens, length, strict=True):
        assert (np.diff(row[:count]) > 0).all() and (row[count:] == 0).all()
        assert set(row[:count]) <= set(TOKENS[:5])
    assert length.min() == 1
    assert abs(length.mean() - 5 * 0.4 - 0.6**5) < 0.25
    same, length = seen(text.drop(0.0))
    np.testing.assert_array_equal(same, np.tile(TOKENS, (200, 1)))


def test_swap_moves_real_tokens_only():
    tokens, length = seen(text.swap(0.25))
    np.testing.assert_array_equal(np.sort(tokens[:, :5]), np.tile(TOKENS[:5], (200, 1)))
    assert (tokens[:, 5:] == 0).all() and (length == 5).all()
    moved = (tokens != TOKENS).sum(1)
    assert set(moved) == {0, 2}  # one pair in five tokens, now and then with itself


# Words 1 to 4; 1 is in every text, 4 in one, twice.
CORPUS = np.array([[1, 2, 0, 0], [1, 2, 3, 0], [1, 4, 4, 0], [1, 3, 2, 3]])
LENGTHS = np.array([2, 3, 3, 4])


def test_word_weights_by_hand():
    weights = text.word_weights(CORPUS, LENGTHS, 6)
    idf = np.log([1e9, 4 / 4, 4 / 3, 4 / 2, 4 / 1, 1e9])
    idf[[0, 5]] = 0  # the fill, and a word that no text has
    np.testing.assert_allclose(weights.idf, idf, rtol=1e-6)
    frequency = np.array([0, 0, 1 / 2 + 1 / 3 + 1 / 4, 1 / 3 + 2 / 4, 2 / 3, 0])
    score = frequency * idf
    chance = np.where([0, 1, 1, 1, 1, 0], score.max() - score, 0)
    np.testing.assert_allclose(
        weights.cumulative, np.cumsum(chance) / chance.sum(), rtol=1e-5
    )


def test_replace_takes_the_dull_words():
    weights = text.word_weights(CORPUS, LENGTHS, 6)
    tokens, length = seen(
        text.replace(weights, 0.3), np.array([1, 2, 4, 1, 0], np.int32), np.int32(4)
    )
    assert (tokens[:, 4] == 0).all() and (length == 4).all()
    assert (tokens[:, 2] == 4).all()  # the word that says most
    assert set(tokens[:, [0, 1, 3]].ravel()) <= {1, 2, 3}  # 4 says most of all
    # By hand: q = (0, log(4/3)/4, log(4)/4, 0); replaced are 0.3 * 4 words a text.
    q = np.array([0, np.log(4 / 3), np.log(4), 0]) / 4
    chance = (q.max() - q) / (q.max() - q).sum() * 0.3 * 4
    other = np.diff(weights.cumulative, prepend=0)[[1, 2, 4, 1]]
    expected = chance * (1 - other)  # some are replaced by themselves
    found = (tokens[:, :4] != [1, 2, 4, 1]).mean(0)
    np.testing.assert_allclose(found, expected, atol=0.1)
    none, _ = seen(text.replace(weights, 0.0), np.array([1, 2, 0], np.int32))
    np.testing.assert_array_equal(none, np.tile([1, 2, 0], (200, 1)))


def test_another_wording_comes_by_an_overlay():
    source = data.Arrays({'tokens': np.stack([TOKENS] * 3), 'length': [LENGTH] * 3})
    other = np.array([[3, 2, 0, 0, 0, 0, 0, 0]], np.int32)
    fields = {'translated': other, 'translated_length': np.array([2], np.int32)}
    source = data.overlay(source, np.array([1]), fields)
    rows = {name: source.fields[name] for name in source.fields}
    found = jax.vmap(text.other())(KEYS[:3], rows)
    np.testing.assert_array_equal(found['tokens'], [TOKENS, other[0], TOKENS])
    np.testing.assert_array_equal(found['length'], [5, 2, 5])


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: text.drop(1.0), 'probability is 1.0'),
        (lambda: text.swap(-1), 'share is -1'),
        (lambda: text.word_weights(CORPUS, LENGTHS, 4), 'largest 4; .* from 0 to 3'),
        (lambda: seen(text.other()), "no 'translated'; lay it over"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
