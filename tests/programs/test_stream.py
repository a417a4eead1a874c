import importlib

import jax
import numpy as np
import optax
import pytest

from ssljax import methods, models, views
from ssljax.contracts import InputError, Method
from ssljax.methods import catalogue
from ssljax.programs import Run

program = importlib.import_module('ssljax.programs.stream')

CADENCE = {'checkpoint_every': 4, 'progress': False}
TIMED = {'wall_seconds', 'images_per_second'}
STREAM = {
    'source': {'method': 'supervised', 'args': {'view': 'weak'}},
    'adapt': {'decay': 0.9},
    'part': 'test',  # 40 rows: 4 batches of 10 a pass
    'passes': 3,
    'corruptions': ('darker',),
}


def _darker(key, example):
    """An offset, and noise, by which a second draw of the same row would show."""
    noise = 0.3 * jax.random.normal(key, example['image'].shape)
    return {**example, 'image': example['image'] + noise - 2.0}


@pytest.fixture(scope='module')
def make_stream(make_job):
    """Returns ``make(**fields of config.stream) -> Job``."""
    seen = {'weak': views.identity, 'strong': views.noise(0.1), 'darker': _darker}

    def make(**fields):
        def method(name='stream', *, steps=0, **arguments):
            build = catalogue.resolve(catalogue.find(name).build)
            net = models.mlp(3, hidden=(8,))
            found = build(net, optax.adam(0.03), num_classes=3, **arguments)
            return methods.prepared(found, views.prepare(found.needs, seen))

        job = make_job(method='stream', batch_size=10, stream=STREAM | fields)
        data = job.data._replace(rows={**job.data.rows, 'labelled': np.arange(60)})
        return job._replace(data=data, method=method, views=seen)

    return make


@pytest.fixture(scope='module')
def job(make_stream):
    return make_stream()


@pytest.fixture(scope='module')
def clean(job):
    """The stream before it is corrupted."""
    rows = {'unlabelled': job.data.rows['test']}
    key = jax.random.key(0)
    return program.feed_for(job, job.method(), key, rows=rows, opened=True)


class Watched(Run):
    """Remembers what its units gave."""

    def __init__(self, folder):
        super().__init__(folder, **CADENCE)
        self.units = {}

    def fit(self, name, *arguments, **options):
        self.units[name] = super().fit(name, *arguments, **options)
        return self.units[name]

    def once(self, name, fn):
        self.units[name] = super().once(name, fn)
        return self.units[name]


@pytest.fixture(scope='module')
def whole(job, tmp_path_factory):
    """An uninterrupted run and its results."""
    run = Watched(tmp_path_factory.mktemp('whole'))
    return program.stream(run, job), run


def test_the_source_is_read_back(job, whole):
    _, run = whole
    _, state = program.restored(Run(run.folder), job)
    source = run.units['source']
    jax.tree.map(np.testing.assert_array_equal, state.params, source.params)


def test_a_row_of_a_batch_is_corrupted_once_and_has_no_label(job, clean):
    seen = program.through(job, 'darker', clean, jax.random.key(0))

    def pass_of(feed, steps):
        """The images of a pass, in the order of their rows."""
        batches = [feed(i)['unlabelled'] for i in steps]
        order = np.argsort(np.concatenate([batch['index'] for batch in batches]))
        return np.concatenate([batch['image'] for batch in batches])[order]

    for step in 0, 5:
        batch, raw = seen(step)['unlabelled'], clean(step)['unlabelled']
        assert set(batch) == {'image', 'index'}
        np.testing.assert_array_equal(batch['index'], raw['index'])
        np.testing.assert_array_equal(seen(step)['unlabelled']['image'], batch['image'])
    noise = [
        pass_of(seen, steps) - pass_of(clean, steps)
        for steps in (range(4), range(4, 8))
    ]
    np.testing.assert_allclose(np.mean(noise), -2, atol=0.1)
    np.testing.assert_allclose(np.std(noise), 0.3, atol=0.05)
    # Each row anew whenever the stream comes to it.
    assert np.abs(np.subtract(*noise)).max(-1).min() > 1e-3


@pytest.mark.parametrize('wrong', [{'corruptions': ('darker', 'fog')}, {'part': 'fog'}])
def test_unknown_names_are_refused_before_anything_is_trained(
    make_stream, tmp_path, wrong
):
    with pytest.raises(InputError, match="'fog'"):
        program.stream(Run(tmp_path, **CADENCE), make_stream(**wrong))
    assert not list(tmp_path.iterdir())


def test_every_answer_of_a_step_is_kept_in_its_place(job, clean):
    method = job.method()
    kept = program.remembering(method, 3)
    state, alone = (m.init(jax.random.key(0), clean(0)) for m in (kept, method))
    step, step_alone = jax.jit(kept.step), jax.jit(method.step)
    for i in range(3):
        alone, metrics = step_alone(alone, clean(i))
        state, _ = step(state, clean(i))
        table = state.memory['answers']
        assert table.shape == (3, 10, 3)
        np.testing.assert_allclose(table[i], metrics['prediction'], rtol=1e-5)
        np.testing.assert_array_equal(table[i + 1 :], 0)


def test_errors_are_of_one_stream_in_which_each_batch_is_answered_once(
    job, clean, whole
):
    found, run = whole
    units = run.units
    answers = {**units['fixed_darker'], 'adapted': units['adapted_darker'].memory}
    answers['adapted'] = answers['adapted']['answers']
    index = np.stack([clean(i)['unlabelled']['index'] for i in range(12)])
    truth = job.data.source.fields['label'][index]
    for how, answer in answers.items():
        assert answer.shape == (12, 10, 3)
        wrong = np.mean(answer.argmax(-1) != truth)
        np.testing.assert_allclose(found[f'error_{how}/darker'], wrong)
        np.testing.assert_allclose(found[f'error_{how}'], wrong)
    assert found['test_accuracy'] > 0.9
    assert found['error_unadapted'] > 2 * (1 - found['test_accuracy'])
    # This network has no batch statistics, so these two are the same.
    same = answers['statistics'].argmax(-1) == answers['unadapted'].argmax(-1)
    assert same.all()
    # What adapts answers as the source before its first update, and then no more.
    same = answers['adapted'].argmax(-1) == answers['unadapted'].argmax(-1)
    assert same[0].all() and not same.all()


def test_an_interrupted_stream_goes_on_and_answers_nothing_twice(
    job, whole, tmp_path, monkeypatch
):
    calls, dies_at = [], 1 + 12 + 8  # to start from; the baselines; 7 steps of the fit
    through = program.through

    def watched(*arguments):
        inner = through(*arguments)

        def feed(step):
            calls.append(step)
            if len(calls) == dies_at:
                raise KeyboardInterrupt
            return inner(step)

        return feed

    monkeypatch.setattr(program, 'through', watched)
    with pytest.raises(KeyboardInterrupt):
        program.stream(Run(tmp_path, **CADENCE), job)
    calls.clear()
    again = program.stream(Run(tmp_path, **CADENCE), job)
    assert calls == [0, *range(4, 12)]  # on from the checkpoint of 4 steps
    for name, score in whole[0].items():
        assert again[name] == score or name in TIMED


def test_weights_that_stay_see_examples_as_they_are_scored(job):
    """What is plain in the views, a normalisation say, is not left out."""
    method = Method(None, None, lambda state, inputs: {'logits': inputs}, {})
    plain = views.plain(lambda key, x: {**x, 'image': 2 * x['image']})
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    batch = {'unlabelled': {'image': image, 'index': np.arange(2)}}
    asked = program.fixed(job._replace(see=plain), {'same': method}, 1)
    found = asked({'same': {}}, lambda step: batch)['same']
    np.testing.assert_allclose(found[0], jax.nn.softmax(2 * image), rtol=1e-6)
