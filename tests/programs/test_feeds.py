"""What a fit does with feeds that hold threads, or data on the device."""

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError, Method, Stream
from ssljax.data import Arrays, resident
from ssljax.programs import Run, fit
from ssljax.programs import job as program
from ssljax.programs.fit import _images
from ssljax.train import sharding


class Open:
    """A feed with threads to end, which fails at a step."""

    def __init__(self, feed, fails=None):
        self.feed, self.fails, self.closed = feed, fails, 0

    def __call__(self, step):
        if step == self.fails:
            raise InputError('a row is bad')
        return self.feed(step)

    def close(self):
        self.closed += 1


def test_a_fit_closes_its_feed_also_when_it_fails(linear, tmp_path):
    feed = Open(linear.feed)
    Run(tmp_path / 'a', progress=False).fit('main', linear.METHOD, feed, 2)
    assert feed.closed == 1
    feed = Open(linear.feed, fails=1)
    with pytest.raises(InputError, match='a row is bad'):
        Run(tmp_path / 'b', progress=False).fit('main', linear.METHOD, feed, 2)
    assert feed.closed == 1


def test_what_is_resident_is_no_batch():
    batch = {
        'labelled': {'index': np.arange(4)},
        'unlabelled': {'index': np.arange(8)},
        'resident': {'image': np.zeros((100, 2, 2, 1))},
    }
    assert _images(batch, 1) == 12


def test_what_is_resident_goes_to_the_devices_once():
    image = np.linspace(0, 1, 6)[:, None]
    feed = resident(
        Arrays({'image': image}),
        {'labelled': np.arange(6)},
        {'labelled': Stream(('image',))},
        batch_size=4,
        seed=0,
    )
    layout = sharding.layout(jax.devices()[:2])
    unit = fit.Unit('', None, None, feed, 3, 'last', '', None, layout)
    batches = fit._batches(unit)
    one, two = batches(0, 1), batches(1, 2)
    assert one['resident']['image'] is two['resident']['image']
    assert len(one['resident']['image'].devices()) == 2
    assert one['labelled']['index'].shape == (4,)
    assert two['labelled']['index'].shape == (2, 4)


def test_views_on_the_host_take_rows_that_are_there(make_job, monkeypatch):
    """On an accelerator 'auto' would put the data where the views are not drawn."""
    monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
    job, needs = make_job(), {'unlabelled': Stream(('image',), ())}
    method = Method(None, None, None, needs)
    asked = []

    def choose(*arguments, kind='auto', **options):
        asked.append(kind)

    monkeypatch.setattr(program, 'choose', choose)
    for feeding in ({}, {'kind': 'resident'}, {'kind': 'stream'}):
        hosted = job._replace(feeding=feeding, host_views=True)
        program.feed_for(hosted, method, jax.random.key(0))
        program.feed_for(hosted._replace(host_views=False), method, None)
    assert asked[::2] == ['in_memory', 'in_memory', 'stream']
    assert asked[1::2] == ['auto', 'resident', 'stream']
