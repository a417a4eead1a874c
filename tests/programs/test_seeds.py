"""Several seeds at once leave what each alone leaves."""

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.programs import Run, seeds
from ssljax.programs.job import feed_for
from ssljax.programs.single import program
from ssljax.train import writers


def near(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def near_files(one, other):
    """The same rows of metrics, and the same record but for the time."""
    rows = [writers.rows(folder / 'metrics.jsonl') for folder in (one, other)]
    for a, b in zip(*rows, strict=True):
        assert a.keys() == b.keys()
        assert a == pytest.approx(b, abs=1e-5)
    records = [writers.read_json(folder / 'record.json') for folder in (one, other)]
    for record in records:
        assert record.pop('wall_seconds') > 0 and record.pop('images_per_second') > 0
    assert records[0].pop('scores') == pytest.approx(records[1].pop('scores'), abs=1e-5)
    assert records[0] == records[1]


def test_resumed_seeds_are_each_what_they_are_alone(linear, tmp_path):
    def runs(kind):
        options = {**linear.CADENCE, 'progress': False}
        return [
            Run(tmp_path / f'{kind}{seed}', seed=seed, **options) for seed in (0, 4)
        ]

    class Crash(Exception):
        pass

    def feed_of(seed, *, ends=None):
        def feed(step):
            if step == ends:
                raise Crash
            return linear.feed(1000 * seed + step)

        return feed

    def together(**options):
        group = Run(tmp_path / 'group', **linear.CADENCE, progress=False)
        seeds.fit(
            group,
            runs('together'),
            linear.METHOD,
            [feed_of(0), feed_of(4, **options)],
            linear.STEPS,
            evaluate=[linear.evaluate] * 2,
        )

    with pytest.raises(Crash):
        together(ends=23)
    assert not list(tmp_path.glob('together*'))
    together()

    def never(step):
        assert step == 0  # for the shapes alone
        return linear.feed(0)

    for one, alone in zip(runs('together'), runs('alone'), strict=True):
        fitted = one.fit('main', linear.METHOD, never, linear.STEPS)
        feed = feed_of(alone.seed)
        state = alone.fit(
            'main', linear.METHOD, feed, linear.STEPS, evaluate=linear.evaluate
        )
        near(fitted, state)
        near_files(one.folder, alone.folder)

    with pytest.raises(InputError, match='2 runs, 1 feeds'):
        seeds.fit(Run(tmp_path / 'g'), runs('g'), linear.METHOD, [never], 3)


def test_a_method_with_data_on_the_device(make_job, tmp_path):
    jobs = [
        make_job(method='fixmatch', seed=seed, steps=6, args={'threshold': 0.4})
        for seed in (0, 1)
    ]
    jobs = [job._replace(feeding={'kind': 'resident'}) for job in jobs]
    method = jobs[0].method()
    shared = [job._replace(method=lambda: method) for job in jobs]

    def runs(kind):
        return [
            Run(tmp_path / kind / str(seed), seed=seed, log_every=1, progress=False)
            for seed in (0, 1)
        ]

    at_once = runs('together')
    feeds = [
        feed_for(job, method, run.key('main'))
        for job, run in zip(shared, at_once, strict=True)
    ]
    group = Run(tmp_path / 'group', log_every=1, progress=False)
    seeds.fit(group, at_once, method, feeds, 6)
    for job, one, alone in zip(shared, runs('together'), runs('alone'), strict=True):
        found, expected = program(one, job), program(alone, job)
        assert found['test_accuracy'] == pytest.approx(expected['test_accuracy'])
        near(*(
            run.restore('main', method, feed_for(job, method, run.key('main')))
            for run in (one, alone)
        ))  # fmt: skip
