"""Views on the host: the draws of the step, a step ahead."""

import threading

import jax
import numpy as np
import pytest

from ssljax import data, methods, views
from ssljax.contracts import Method, State, Stream

NEEDS = {'unlabelled': Stream(('image',), ('weak', 'strong'))}
VIEWS = {'weak': views.identity, 'strong': views.noise(0.1)}
ROWS = {'unlabelled': np.arange(12)}


@pytest.fixture
def feed():
    image = np.random.default_rng(0).random((12, 6, 6, 1), np.float32)
    source = data.Arrays({'image': image})
    return data.in_memory(source, ROWS, NEEDS, batch_size=4, seed=0)


def test_it_draws_what_the_step_draws(feed):
    def step(state, batch):
        return state._replace(step=state.step + 1), batch

    prepare = views.prepare(NEEDS, VIEWS)
    method = methods.prepared(Method(None, step, None, NEEDS), prepare)
    key = jax.random.key(3)
    state = State(np.int32(0), key, {}, {}, {}, {}, {})
    host, step = data.on_host(feed, prepare, key), jax.jit(method.step)
    for number in range(3):
        state, inside = step(state, feed(number))
        outside = host(number)
        assert type(outside['unlabelled']['strong']['image']) is np.ndarray
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), outside, inside
        )
    again = host(1)  # any step, in any order
    np.testing.assert_array_equal(
        again['unlabelled']['index'], feed(1)['unlabelled']['index']
    )
    host.close()


def test_it_is_one_step_ahead_until_closed(feed):
    asked, closed = [], []
    second = threading.Event()

    class Spy:
        def __call__(self, step):
            asked.append(step)
            if step == 1:
                second.set()
            return feed(step)

        def close(self):
            closed.append(True)

    host = data.on_host(Spy(), views.prepare(NEEDS, VIEWS), jax.random.key(0))
    host(0)
    assert second.wait(timeout=30)
    host(1)
    host.close()
    assert asked in ([0, 1], [0, 1, 2]) and closed == [True]
    assert not [t for t in threading.enumerate() if t.name.startswith('views')]


def test_hosts_draw_the_views_of_one_for_their_parts():
    image = np.random.default_rng(0).random((12, 6, 6, 1), np.float32)
    source = data.Arrays({'image': image})
    whole, *parts = (
        data.on_host(
            data.in_memory(
                source, ROWS, NEEDS, batch_size=4, seed=0, process=(number, count)
            ),
            views.prepare(NEEDS, VIEWS, process=number),
            jax.random.key(3),
        )(5)
        for number, count in ((0, 1), (0, 2), (1, 2))
    )
    jax.tree.map(
        lambda a, *b: np.testing.assert_array_equal(a, np.concatenate(b)), whole, *parts
    )
