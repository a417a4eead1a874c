"""One fit: in a notebook, from any source, its views in the step or on the host."""

import json

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from ssljax import data, methods, models, programs, views
from ssljax.contracts import InputError
from ssljax.programs import Run
from ssljax.programs.single import program

random = np.random.default_rng(0)
LABEL = np.arange(60, dtype=np.int32) % 3
IMAGE = random.integers(0, 120, (60, 4, 4, 1), np.uint8)
IMAGE[np.arange(60), LABEL] += 120  # a bright row tells the class
FEW = {'image': IMAGE[:6], 'label': LABEL[:6]}
SEEN = {
    'weak': views.normalize(0.5, 0.5),
    'strong': views.compose(views.noise(0.1), views.normalize(0.5, 0.5)),
    'plain': views.normalize(0.5, 0.5),
}


class Linear(nnx.Module):
    def __init__(self, rngs):
        self.head = nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, x):
        return self.head(x.reshape(len(x), 16))


def method():
    return methods.fixmatch(
        models.from_nnx(Linear), optax.adam(0.03), num_classes=3, ratio=2
    )


def train(folder, *, labelled=FEW, unlabelled=None, steps=40, **arguments):
    return programs.single(
        folder,
        method(),
        labelled=labelled,
        unlabelled=unlabelled or {'image': IMAGE[:40]},
        validation={'image': IMAGE[40:50], 'label': LABEL[40:50]},
        test={'image': IMAGE[50:], 'label': LABEL[50:]},
        steps=steps,
        batch_size=8,
        eval_batch_size=4,
        views=SEEN,
        progress=False,
        **arguments,
    )


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp('single'))


class Lazy:
    """The same rows, decoded one by one."""

    classes = None

    def __init__(self, fields):
        self.arrays = data.Arrays(fields)
        self.columns = {k: v for k, v in fields.items() if k == 'label'}

    def __len__(self):
        return len(self.arrays)

    def __getitem__(self, row):
        return self.arrays[row]

    def name(self, row):
        return f'row {row}'


def test_it_learns_scores_and_predicts(trained):
    assert trained.results['test_accuracy'] == 1.0
    probs = trained.predict(IMAGE[:7])  # no whole batches
    assert probs.shape == (7, 3) and isinstance(probs, np.ndarray)
    np.testing.assert_array_equal(probs.argmax(1), LABEL[:7])
    # Bytes and floats are one image, seen as 'plain' has it.
    floats = IMAGE[:7].astype(np.float32) / 255
    np.testing.assert_allclose(trained.predict({'image': floats}), probs, atol=1e-6)
    own = trained.method.predict(trained.state, 2 * floats - 1)['logits']
    np.testing.assert_allclose(jax.nn.softmax(own), probs, atol=1e-5)


@pytest.mark.parametrize(
    'inputs, sentence',
    [
        (IMAGE[0], r'image has shape \(4, 4, 1\); give \[n, 4, 4, 1\]'),
        (IMAGE[:0], 'with n above 0'),
        (IMAGE[:2].astype(np.float32), 'whole numbers up to'),
        ({'img': IMAGE[:2]}, "a field that the network takes is 'image'; known: img"),
    ],
)
def test_what_can_not_be_answered(trained, inputs, sentence):
    with pytest.raises(InputError, match=sentence):
        trained.predict(inputs)


def test_the_same_call_goes_on(tmp_path, trained, same_bits):
    class Stopped(Exception):
        pass

    def stops(step):
        if step == 25:
            raise Stopped
        return feed(step)

    real = programs.single.__globals__['feed_for']
    feed = None

    def broken(*arguments, **options):
        nonlocal feed
        feed = real(*arguments, **options)
        return stops

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(programs.single.__globals__, 'feed_for', broken)
        with pytest.raises(Stopped):
            train(tmp_path, checkpoint_every=10)
    again = train(tmp_path, checkpoint_every=10)
    same_bits(again.state, trained.state)
    assert again.results['test_accuracy'] == trained.results['test_accuracy']


def test_a_source_that_is_decoded_gives_the_same(tmp_path, trained, same_bits):
    again = train(
        tmp_path,
        labelled=Lazy(FEW),
        unlabelled=Lazy({'image': IMAGE[:40]}),
        feeding={'threads': 1},
    )
    same_bits(again.state, trained.state)


def test_views_on_the_host_are_those_of_the_step(tmp_path, make_job):
    job = make_job(method='fixmatch', steps=4)
    inside = program(Run(tmp_path / 'step', progress=False), job)
    bare = methods.fixmatch(models.mlp(3, hidden=(8,)), optax.adam(0.03), num_classes=3)
    seen = {'weak': views.identity, 'strong': views.noise(0.3)}
    hosted = job._replace(views=seen, host_views=True, method=lambda: bare)
    stepped = job._replace(
        method=lambda: methods.prepared(bare, views.prepare(bare.needs, seen))
    )
    found = [
        np.loadtxt(_losses(tmp_path / name, each))
        for name, each in (('host', hosted), ('inside', stepped))
    ]
    np.testing.assert_allclose(*found, rtol=1e-5)
    assert np.ptp(found[0]) > 0 and inside['steps'] == 4


def _losses(folder, job):
    program(Run(folder, progress=False, log_every=1), job)
    rows = (folder / 'metrics.jsonl').read_text().splitlines()
    losses = [str(json.loads(row)['loss']) for row in rows if 'loss' in json.loads(row)]
    path = folder / 'losses.txt'
    path.write_text('\n'.join(losses))
    return path


@pytest.mark.parametrize(
    'change, sentence',
    [
        ({'labelled': {'image': IMAGE[:6]}}, r'label of labelled\[0\] is -1'),
        ({'labelled': {'image': IMAGE[:0], 'label': LABEL[:0]}}, 'labelled has no row'),
        ({'unlabelled': {'wave': IMAGE[:9]}}, r"unlabelled has the fields \['wave'\]"),
        ({'unlabelled': {'image': IMAGE[:9] / 255}}, 'unlabelled has dtype float64'),
        ({'steps': 0}, 'steps is 0'),
    ],
)
def test_refusals(tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        train(tmp_path, **change)
