import importlib

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.programs import Run
from ssljax.programs.job import scorer

program = importlib.import_module('ssljax.programs.federation')

FIELDS = {
    'method': 'federation',
    'args': {'ratio': 2.0, 'joint': False},
    'batch_size': 3,
    'federation': {'clients': 2, 'local_steps': 5, 'alpha': 0.5},
}
CADENCE = {'eval_every': 15, 'checkpoint_every': 4, 'progress': False}


@pytest.fixture
def job(make_job):
    return make_job(**FIELDS)


def test_rows_lie_at_one_client_and_labels_are_dealt_evenly(job):
    job = job._replace(
        data=job.data._replace(
            # As in data.load: labelled rows are unlabelled rows too, in any order.
            rows={**job.data.rows, 'labelled': np.array([50, 3, 17, 20, 41, 8])}
        )
    )
    shares = program.client_rows(job, job.method())
    assert [len(share['labelled']) for share in shares] == [3, 3]
    everywhere = np.concatenate([share['unlabelled'] for share in shares])
    np.testing.assert_array_equal(np.sort(everywhere), np.arange(60))
    for share in shares:
        assert set(share['labelled']) < set(share['unlabelled'])
    labels = job.data.source.fields['label']
    counts = [np.bincount(labels[s['unlabelled']], minlength=3) for s in shares]
    assert np.abs(counts[0] - counts[1]).max() > 5  # alpha is small


def fed(job, local, share):
    key = jax.random.key(0)
    return program.feed_for(job, local, key, rows=share, opened=True)


def test_each_client_is_fed_its_own_rows_at_its_own_place(job):
    local = job.method()
    shares = program.client_rows(job, local)
    feeds = [fed(job, local, share) for share in shares]
    batch = program.joined(feeds)(4)
    for stream, size in (('labelled', 3), ('unlabelled', 6)):
        index = batch[stream]['index'].reshape(2, size)
        for own, share in zip(index, shares, strict=True):
            assert set(own) <= set(share[stream])
        seen = job.data.source.fields['image'][index.ravel()]
        np.testing.assert_array_equal(batch[stream]['image'], seen)
    assert 'label' not in batch['unlabelled']


def test_a_federation_learns_and_goes_on_after_a_crash(job, tmp_path, monkeypatch):
    whole = program.federation(Run(tmp_path / 'whole', **CADENCE), job)
    assert whole['test_accuracy'] > 0.5  # chance is a third
    assert whole['test_accuracy'] == whole['test_accuracy_teacher']
    assert sum(whole['client_rows']) == 60
    method, state = program.restored(Run(tmp_path / 'whole'), job)
    assert scorer(job, 'test')(method, state).items() <= whole.items()
    assert {'validation_accuracy', 'validation_accuracy_student'} <= set(
        whole['scores']
    )

    def dying(feeds):
        feed = joined(feeds)

        def until(step):
            if step == 18:
                raise KeyboardInterrupt
            return feed(step)

        return until

    joined = program.joined
    with monkeypatch.context() as patch:
        patch.setattr(program, 'joined', dying)
        with pytest.raises(KeyboardInterrupt):
            program.federation(Run(tmp_path / 'two', **CADENCE), job)
    again = program.federation(Run(tmp_path / 'two', **CADENCE), job)
    timed = {'wall_seconds', 'images_per_second'}
    assert {k: v for k, v in again.items() if k not in timed} == {
        k: v for k, v in whole.items() if k not in timed
    }


def test_more_clients_than_labels_are_refused(make_job, tmp_path):
    job = make_job(**FIELDS | {'federation': {**FIELDS['federation'], 'clients': 7}})
    with pytest.raises(InputError, match='clients is 7'):
        program.federation(Run(tmp_path), job)


def test_what_crosses_between_clients_is_weights_alone(job):
    """A client's gradient sees its own rows: other rows do not change its step."""
    local = job.method()
    method = program.methods.federated(local, clients=2, local_steps=9)
    feeds = [fed(job, local, share) for share in program.client_rows(job, local)]
    batch = program.joined(feeds)(0)
    other = jax.tree.map(np.copy, batch)
    for stream in other.values():
        half = len(stream['index']) // 2
        stream['image'][half:] += 5.0  # the second client's
    state = method.init(jax.random.key(0), batch)
    step = jax.jit(method.step)
    one, two = (step(state, x)[0].params['student'] for x in (batch, other))
    alike = jax.tree.map(lambda a, b: (a == b).all((1, *range(2, a.ndim))), one, two)
    first, second = zip(*jax.tree.leaves(alike), strict=True)
    assert all(first) and not any(second)


def test_the_joined_feed_closes_those_that_can():
    closed = []

    def one(step):
        return {'labelled': {'index': np.arange(2)}}

    def other(step):
        return one(step)

    other.close = lambda: closed.append(True)
    feed = program.joined([one, other])
    assert feed(0)['labelled']['index'].tolist() == [0, 1, 0, 1]
    feed.close()
    assert closed == [True]
