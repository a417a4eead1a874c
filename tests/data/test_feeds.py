import numpy as np
import pytest

from ssljax import data
from ssljax.contracts import InputError, Stream

NEEDS = {
    'labelled': Stream(('image', 'label')),
    'unlabelled': Stream(('image',), ratio=2.5),
}
ROWS = {'labelled': np.arange(6), 'unlabelled': np.arange(20), 'test': np.arange(3)}


@pytest.fixture
def source():
    image = np.arange(20, dtype=np.float32).reshape(20, 1, 1, 1) / 20
    return data.Arrays({'image': image, 'label': np.arange(20) % 3})


@pytest.fixture
def feed(source):
    def feed(rows=ROWS, needs=NEEDS, batch_size=4, seed=0):
        return data.in_memory(source, rows, needs, batch_size=batch_size, seed=seed)

    return feed


def _assert_equal(a, b):
    assert a.keys() == b.keys()
    for stream in a:
        assert a[stream].keys() == b[stream].keys()
        for field in a[stream]:
            np.testing.assert_array_equal(a[stream][field], b[stream][field])


def test_a_stream_holds_its_rows_and_only_the_fields_it_asks_for(feed, source):
    batch = feed()(3)
    assert set(batch) == {'labelled', 'unlabelled'}
    assert set(batch['labelled']) == {'image', 'label', 'index'}
    assert set(batch['unlabelled']) == {'image', 'index'}  # the labels are hidden
    assert len(batch['labelled']['index']) == 4
    assert len(batch['unlabelled']['index']) == 10
    for stream in batch.values():
        assert stream['index'].dtype == np.int32
        for field in stream.keys() - {'index'}:
            np.testing.assert_array_equal(
                stream[field], source.fields[field][stream['index']]
            )


def test_a_batch_is_a_function_of_the_step(feed):
    used = feed()
    first = used(7)
    for step in (0, 8, 100, np.int32(3)):
        used(step)
    _assert_equal(used(7), first)
    _assert_equal(feed()(7), first)


def test_what_a_caller_does_to_a_batch_stays_there(feed):
    used = feed()
    used(0)['labelled']['index'][:] = -5
    _assert_equal(used(0), feed()(0))


def test_every_epoch_shows_every_row_once_and_batches_run_across(feed):
    draw = feed()
    rows = np.concatenate([draw(step)['labelled']['index'] for step in range(6)])
    epochs = rows.reshape(4, 6)  # 6 batches of 4 are 4 epochs of 6
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(6))
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_a_batch_of_more_rows_than_there_are_goes_through_them_again(feed):
    draw = feed(batch_size=15)
    batches = [draw(step)['labelled']['index'] for step in range(2)]
    assert [len(rows) for rows in batches] == [15, 15]
    for epoch in np.concatenate(batches).reshape(5, 6):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(6))


def test_seeds_and_streams_shuffle_differently(feed):
    needs = {name: Stream(('image',)) for name in 'ab'}
    rows = dict.fromkeys('ab', np.arange(20))
    one, two = (feed(rows, needs, batch_size=20, seed=seed)(0) for seed in (0, 1))
    orders = [one['a'], one['b'], two['a'], two['b']]
    assert len({tuple(stream['index']) for stream in orders}) == 4


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'batch_size': 0}, "'labelled' batch is 0 rows"),
        ({'seed': -1}, 'seed is -1'),
        ({'rows': ROWS | {'unlabelled': np.array([], int)}}, 'is empty'),
        ({'rows': ROWS | {'unlabelled': np.array([3, 20])}}, 'names row 20'),
        ({'rows': {'labelled': ROWS['labelled']}}, "is 'unlabelled'; known: labelled"),
        ({'needs': {'labelled': Stream(('images',))}}, "mean 'image'"),
    ],
)
def test_what_cannot_be_fed(feed, change, message):
    with pytest.raises(InputError, match=message):
        feed(**change)


def test_bad_rows_of_a_source_of_ones_own(feed, source):
    source.fields['label'][2] = -1
    with pytest.raises(InputError, match=r"rows\['labelled'\]\[2\] is -1"):
        feed()
    source.fields['image'][19] = np.nan
    with pytest.raises(InputError, match=r'image\[19\] holds NaN'):
        feed(needs={'unlabelled': NEEDS['unlabelled']})
