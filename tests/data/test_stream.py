"""Streams: the order of in_memory, decoded ahead; bad rows replaced and listed."""

import json
import threading

import numpy as np
import pytest
from absl import flags

from ssljax import data
from ssljax.contracts import InputError, Stream
from ssljax.data.sources import BadItem

NEEDS = {
    'labelled': Stream(('image', 'label')),
    'unlabelled': Stream(('image',), ratio=2),
}
ROWS = {'labelled': np.arange(8), 'unlabelled': np.arange(20)}
LABEL = np.arange(20, dtype=np.int32) % 3
CHANGES = {
    'torn': lambda image: None,
    'smaller': lambda image: image[:1],
    'NaN': lambda image: image * np.nan,
}


class Lazy:
    """Row i is an image full of i / 32, but for those in ``bad``: {row: kind}."""

    columns = {'label': LABEL}
    classes = None

    def __init__(self, bad=()):
        self.bad = dict(bad)

    def __len__(self):
        return 20

    def __getitem__(self, row):
        image = np.full((2, 2, 1), row / 32, np.float32)
        if row in self.bad:
            image = CHANGES[self.bad[row]](image)
        if image is None:
            raise BadItem(int(row), self.name(row), 'it is torn')
        return {'image': image, 'label': LABEL[row]}

    def name(self, row):
        return f'{row}.png'

    def fingerprint(self):
        return 'lazy'


def in_memory(needs=NEEDS):
    image = np.stack([Lazy()[row]['image'] for row in range(20)])
    source = data.Arrays({'image': image, 'label': LABEL})
    return data.in_memory(source, ROWS, needs, batch_size=4, seed=5)


@pytest.fixture
def stream():
    opened = []

    def stream(source=None, **kwargs):
        kwargs = {'rows': ROWS, 'needs': NEEDS, 'batch_size': 4, 'seed': 5} | kwargs
        opened.append(
            data.stream(
                source or Lazy(), process=kwargs.pop('process', (0, 1)), **kwargs
            )
        )
        return opened[-1]

    yield stream
    for feed in opened:
        feed.close()


def assert_equal(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].keys() == b[name].keys()
        for field in a[name]:
            assert a[name][field].dtype == b[name][field].dtype
            np.testing.assert_array_equal(a[name][field], b[name][field])


def test_the_order_is_that_of_in_memory_ahead_and_anywhere(stream):
    feed, same = stream(threads=2), in_memory()
    steps = [0, 0, 1, 2, 3, 40, 4, 0, 5, 6, 7, 0, 1, 2, 9]
    for step in steps:
        assert_equal(feed(step), same(step))
    assert_equal(stream()(np.int32(7)), same(7))  # a restart at a step


def test_what_the_columns_hold_is_not_decoded(stream):
    source = Lazy(dict.fromkeys(range(20), 'torn'))
    feed = stream(source, needs={'labelled': Stream(('label',))})
    for step in range(3):
        batch = feed(step)['labelled']
        np.testing.assert_array_equal(batch['label'], LABEL[batch['index']])


def test_processes_share_each_batch(stream):
    parts, whole = [stream(process=(p, 2)) for p in range(2)], in_memory()
    for step in range(4):
        first, second = (feed(step) for feed in parts)
        joined = {
            name: {
                field: np.concatenate([first[name][field], second[name][field]])
                for field in first[name]
            }
            for name in first
        }
        assert_equal(joined, whole(step))
    with pytest.raises(InputError, match="'labelled' batch is 4 rows, which 3"):
        stream(process=(0, 3))


BAD = {3: 'torn', 11: 'smaller', 12: 'NaN'}


def test_bad_rows_are_replaced_and_listed_once(stream, tmp_path):
    kwargs = {'quarantine': tmp_path, 'bad_share': 0.2}
    feed, whole = stream(Lazy(BAD), **kwargs), in_memory()
    replaced = 0
    batches = [feed(step) for step in range(10)]
    for step, batch in enumerate(batches):
        for name, fields in whole(step).items():
            found, right = batch[name]['index'], fields['index']
            bad = np.isin(right, [*BAD])
            np.testing.assert_array_equal(found[~bad], right[~bad])
            assert not np.isin(found, [*BAD]).any()
            assert np.isin(found, ROWS[name]).all()
            np.testing.assert_array_equal(batch[name]['image'][:, 0, 0, 0] * 32, found)
            replaced += bad.sum()
        labels = batch['labelled']
        np.testing.assert_array_equal(labels['label'], LABEL[labels['index']])
    assert replaced > 9

    def listed():
        lines = (tmp_path / 'quarantine.jsonl').read_text().splitlines()
        return [json.loads(line) for line in lines]

    assert sorted(line['row'] for line in listed()) == [3, 11, 12]
    why = {line['name']: line['why'] for line in listed()}
    assert why['3.png'] == 'it is torn'
    assert '(1, 2, 1) and in others float32 (2, 2, 1)' in why['11.png']
    assert 'NaN' in why['12.png']
    # A job that goes on gives the same rows and lists nothing twice, although its
    # last line was torn when it was killed.
    with (tmp_path / 'quarantine.jsonl').open('a') as file:
        file.write('{"row": 3, "na')
    again = stream(Lazy(BAD), **kwargs)
    for step in (4, 3, 9):
        assert_equal(again(step), batches[step])
    assert len(listed()) == 3


def test_more_bad_rows_than_the_share_stop_it_and_all_are_listed(stream, tmp_path):
    feed = stream(Lazy(BAD), quarantine=tmp_path, bad_share=0.1)
    with pytest.raises(InputError, match='3 of 20 rows are bad.*3.png: it is torn'):
        for step in range(20):
            feed(step)
    assert len((tmp_path / 'quarantine.jsonl').read_text().splitlines()) == 3


def test_without_a_quarantine_the_first_bad_row_stops_it(stream):
    feed = stream(Lazy({3: 'torn'}))
    with pytest.raises(BadItem, match='3.png can not be read: it is torn'):
        for step in range(3):
            feed(step)


def test_worker_processes_give_the_same_and_need_no_parsed_flags(stream, tmp_path):
    """Two processes decode, and the parent lists what they found."""
    alone = stream(Lazy(BAD), quarantine=tmp_path / '0', bad_share=0.2)
    many = stream(Lazy(BAD), quarantine=tmp_path / '2', bad_share=0.2, workers=2)
    flags.FLAGS.unparse_flags()
    try:
        for step in (0, 1, 2, 3, 4, 5):
            assert_equal(many(step), alone(step))
    finally:
        flags.FLAGS.mark_as_parsed()
        many.close()
    lists = [tmp_path / n / 'quarantine.jsonl' for n in '02']
    assert lists[0].read_text() == lists[1].read_text()


def test_closing_ends_its_threads_and_it_may_go_on(stream):
    def threads():
        return [t for t in threading.enumerate() if 'grain' in t.name]

    feed, same = stream(threads=3), in_memory()
    before = set(threads())
    for step in range(4):
        feed(step)
    mine = set(threads()) - before
    assert mine
    feed.close()
    for thread in mine:
        thread.join(timeout=10)
        assert not thread.is_alive()
    for step in (4, 5, 6):
        assert_equal(feed(step), same(step))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'needs': {'labelled': Stream(('images',))}}, "mean 'image'"),
        ({'rows': {'labelled': ROWS['labelled']}}, "is 'unlabelled'; known: labelled"),
        ({'workers': -1}, 'workers, threads are -1'),
        ({'seed': -1}, 'seed is -1'),
        ({'source': Lazy(dict.fromkeys(range(20), 'torn'))}, 'first 28 rows can be'),
    ],
)
def test_what_cannot_be_streamed(stream, change, message):
    with pytest.raises(InputError, match=message):
        stream(**change)
