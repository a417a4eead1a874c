"""Data on the device: the batches of in_memory once prepared; and which feed."""

import jax
import numpy as np
import pytest

from ssljax import data, views
from ssljax.contracts import InputError, Stream

NEEDS = {
    'labelled': Stream(('image', 'label'), ('weak',)),
    'unlabelled': Stream(('image',), ('weak', 'strong'), ratio=2),
}
ROWS = {'labelled': np.arange(6), 'unlabelled': np.arange(20)}
KNOWN = {'rows': ROWS, 'needs': NEEDS, 'batch_size': 4, 'seed': 0}


@pytest.fixture
def source():
    image = np.random.default_rng(0).random((20, 4, 4, 1), np.float32)
    label = np.arange(20, dtype=np.int32) % 3
    return data.Arrays({'image': image, 'label': label, 'unused': image})


def test_after_prepare_it_is_in_memory(source):
    prepare = jax.jit(
        views.prepare(NEEDS, {'weak': views.identity, 'strong': views.noise(0.1)})
    )
    feeds = data.resident(source, **KNOWN), data.in_memory(source, **KNOWN)
    for step in (0, 7):
        found, right = (prepare(jax.random.key(step), feed(step)) for feed in feeds)
        jax.tree.map(np.testing.assert_array_equal, found, right)


def test_only_row_numbers_move(source):
    feed = data.resident(source, **KNOWN)
    one, two = feed(0), feed(1)
    assert set(one['resident']) == {'image', 'label'}
    assert set(one['labelled']) == {'index'}
    assert one['resident']['image'] is two['resident']['image']
    assert isinstance(one['resident']['image'], jax.Array)


class Lazy:
    """The same rows, to be decoded."""

    columns = {}
    classes = None

    def __init__(self, source):
        self.source = source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, row):
        return self.source[row]


def test_the_feed_is_chosen_by_bytes_or_said(source, monkeypatch):
    bytes_needed = source.fields['image'].nbytes + source.fields['label'].nbytes

    def kind(given=source, **kwargs):
        feed = data.choose(given, **KNOWN, **kwargs)
        if hasattr(feed, 'close'):
            return 'stream'
        return 'resident' if 'resident' in feed(0) else 'in_memory'

    assert kind(limit=bytes_needed) == 'in_memory'  # the CPU's memory is the host's
    monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
    assert kind(limit=bytes_needed) == 'resident'
    assert kind(limit=bytes_needed - 1) == 'in_memory'
    assert kind(limit=0, kind='resident') == 'resident'
    assert kind(kind='in_memory') == 'in_memory'
    assert kind(kind='stream', threads=1) == 'stream'
    assert kind(Lazy(source), process=(0, 1)) == 'stream'
    with pytest.raises(InputError, match="mean 'resident'"):
        kind(kind='residents')
    with pytest.raises(InputError, match="'wrokers'.*Did you mean 'workers'"):
        kind(wrokers=2)
    with pytest.raises(InputError, match="the source is a Lazy.*choose 'stream'"):
        kind(Lazy(source), kind='resident')
