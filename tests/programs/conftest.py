import importlib.util
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from ssljax import data, methods, models, tasks, teachers, views
from ssljax.methods import catalogue
from ssljax.programs.job import Job

SCRIPT = Path(__file__).with_name('linear.py')


@pytest.fixture(scope='session')
def linear():
    """The module of the tiny method."""
    spec = importlib.util.spec_from_file_location('linear', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def same_bits():
    """Asserts that two trees have the same structure, types and bits."""

    def assert_same(one, other):
        assert jax.tree.structure(one) == jax.tree.structure(other)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
                a, b = jax.random.key_data(a), jax.random.key_data(b)
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes()

    return assert_same


@pytest.fixture(scope='session')
def whole(linear, tmp_path_factory):
    """An uninterrupted fit: (folder, state)."""
    folder = tmp_path_factory.mktemp('whole')
    run = linear.Run(folder, **linear.CADENCE, progress=False)
    state = run.fit(
        'main', linear.METHOD, linear.feed, linear.STEPS, evaluate=linear.evaluate
    )
    return folder, state


@pytest.fixture(scope='session')
def make_job():
    """Returns ``make(**fields of config) -> Job`` on three clouds of points.

    60 rows to learn from, 6 of them labelled; a network of two layers.
    """

    def make(**fields):
        common = {'seed': 0, 'steps': 30, 'batch_size': 6, 'eval_batch_size': 25}
        config = ConfigDict(common | {'args': {}} | fields)
        noise = np.random.default_rng(1)
        label = np.arange(120, dtype=np.int32) % 3
        image = 2 * np.eye(3, 5, dtype='f')[label]
        image += 0.5 * noise.normal(size=(120, 5)).astype('f')
        ends = {'labelled': (0, 6), 'unlabelled': (0, 60)}
        ends |= {'validation': (60, 80), 'test': (80, 120)}
        rows = {name: np.arange(*pair, dtype=np.int32) for name, pair in ends.items()}
        source = data.Arrays({'image': image, 'label': label})
        seen = {'weak': views.identity, 'strong': views.noise(0.3)}

        def method(name=None, *, steps=None, network=None, rates=None, **arguments):
            adam = optax.adam(**{'learning_rate': 0.03, **(rates or {})})
            build = catalogue.resolve(catalogue.find(name or config.method).build)
            if build is methods.simclr:
                arguments['projector'] = models.mlp(4, hidden=(8,))
            else:
                arguments['teacher'] = teachers.ema(0.9)
            if build is methods.noisy_student:
                arguments |= {'rows': 60, 'view': 'weak', 'ratio': 1.0}
            if build in (methods.distil, methods.lelp):
                arguments['teacher_network'] = models.mlp(3, hidden=(8,))
            if build is methods.dho:
                del arguments['teacher']
                arguments['teacher_network'] = models.mlp(3, hidden=(8,))
                arguments['head'] = models.mlp(3, hidden=())
            net = models.mlp(**{'outputs': 3, 'hidden': (8,), **(network or {})})
            arguments = {**config.args.to_dict(), **arguments}
            found = build(net, optimizer=adam, num_classes=3, **arguments)
            return methods.prepared(found, views.prepare(found.needs, seen))

        dataset = data.Dataset('clouds', source, rows, 3, {})
        return Job(config, dataset, tasks.classification(3, (5,)), method)

    return make
