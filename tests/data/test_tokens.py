import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data import tokens

TEXTS = ["It's a cat, a CAT.", 'A dog; a cat!', 'zebra']


def test_words_are_numbered_by_frequency():
    assert tokens.split(TEXTS[0]) == ["it's", 'a', 'cat', ',', 'a', 'cat', '.']
    made = tokens.build(TEXTS, at_least=1)
    assert made.words[:4] == ('<pad>', '<unknown>', 'a', 'cat')
    assert made.words[4:] == tuple(sorted(made.words[4:]))  # all once
    assert tokens.build(TEXTS, at_least=2).words[2:] == ('a', 'cat')
    assert len(tokens.build(TEXTS, size=3, at_least=1).words) == 3


def test_encoded_texts():
    made = tokens.build(TEXTS, at_least=2)
    found = tokens.encode(made, [*TEXTS, 'über Katzen'], length=4)
    np.testing.assert_array_equal(
        found['tokens'], [[1, 2, 3, 1], [2, 1, 1, 2], [1, 0, 0, 0], [1, 1, 0, 0]]
    )
    np.testing.assert_array_equal(found['length'], [4, 4, 1, 2])
    assert {x.dtype for x in found.values()} == {np.dtype(np.int32)}
    words = tokens.decode(made, found['tokens'][0], found['length'][0])
    assert words == '<unknown> a cat <unknown>'


def test_a_saved_vocabulary_is_the_same(tmp_path):
    made = tokens.build([*TEXTS, 'öl öl'], at_least=1)
    tokens.save(tmp_path / 'words.json', made)
    assert tokens.load(tmp_path / 'words.json') == made


def test_refusals(tmp_path):
    with pytest.raises(InputError, match='no word is left'):
        tokens.build(['one two'], at_least=2)
    made = tokens.build(TEXTS)
    with pytest.raises(InputError, match=r"texts\[1\] is '  '"):
        tokens.encode(made, ['a', '  '], length=3)
    with pytest.raises(InputError, match='length is 0'):
        tokens.encode(made, ['a'], length=0)
    path = tmp_path / 'words.json'
    for content in ('{', '{"a": 1}', '["a", "b"]', '["<pad>", "<unknown>", "a", "a"]'):
        path.write_text(content)
        with pytest.raises(InputError, match='words.json is no'):
            tokens.load(path)
