import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from ssljax import solvers
from ssljax.contracts import InputError
from ssljax.programs import Run
from ssljax.programs.job import answering, scorer
from ssljax.programs.policies import POLICIES, Answers
from ssljax.programs.rounds import restored, rounds

SELF = {'count': 3, 'policy': 'confident', 'threshold': 0.8}
NOISY = {'count': 3, 'policy': 'balanced', 'threshold': 0.3, 'per_class': 12}
ASK = {'count': 3, 'policy': 'k_centre', 'ask': 5}


class Watched(Run):
    """Remembers what each round learnt from and began with."""

    def __init__(self, folder):
        super().__init__(folder, progress=False)
        self.taught, self.first = [], []

    def fit(self, name, method, feed, steps, **options):
        batches = [feed(step)['labelled'] for step in range(30)]
        index = np.concatenate([batch['index'] for batch in batches])
        label = np.concatenate([batch['label'] for batch in batches])
        self.taught.append(dict(zip(index.tolist(), label.tolist(), strict=True)))
        given = options.get('given', {})
        self.first.append(method.init(self.key(name), feed(0), given).params)
        return super().fit(name, method, feed, steps, **options)


def build(make_job, name, **settings):
    return make_job(method=name, rounds=settings)


def test_self_training_learns_from_its_own_answers(tmp_path, make_job):
    job = build(make_job, 'self_training', **SELF)
    run = Watched(tmp_path)
    results = rounds(run, job)

    truth = job.data.source.fields['label']
    for r, taught in enumerate(run.taught):
        assert len(taught) == results[f'rows/{r}']
        right = np.mean([truth[row] == label for row, label in taught.items()])
        np.testing.assert_allclose(results[f'label_accuracy/{r}'], right)
        assert all(taught[row] == truth[row] for row in job.data.rows['labelled'])
    assert results['rows/0'] == results['labels'] == 6 < results['rows/1']
    assert results['test_accuracy'] == results['test_accuracy/2']
    assert results['test_accuracy_first_round'] == results['test_accuracy/0']
    # Each round starts anew, and the source keeps its labels.
    kernels = [np.asarray(p['student']['Dense_0']['kernel']) for p in run.first]
    assert not np.allclose(kernels[0], kernels[1])
    np.testing.assert_array_equal(truth, np.arange(120) % 3)


@pytest.mark.parametrize('soft', [True, False])
def test_noisy_student_is_taught_by_balanced_answers(tmp_path, make_job, soft):
    networks = {'round0': {'hidden': (4,)}}
    settings = {**NOISY, 'soft': soft, 'networks': networks}
    job = build(make_job, 'noisy_student', **settings)

    class Given(Watched):
        def fit(self, name, method, feed, steps, **options):
            self.given = [*getattr(self, 'given', []), options['given']]
            return super().fit(name, method, feed, steps, **options)

    run = Given(tmp_path)
    results = rounds(run, job)

    # The labelled stream stays what it was; there are answers from the second round on.
    assert all(set(taught) == set(range(6)) for taught in run.taught)
    assert run.given[0] == {}
    for r in 1, 2:
        value, weight = run.given[r]['targets']
        assert value.shape == (60, 3) and weight.shape == (60,)
        guess = value.argmax(-1)
        for c in range(3):
            np.testing.assert_allclose(weight[guess == c].sum(), 12, rtol=1e-5)
        assert results[f'rows/{r}'] >= np.sum(weight > 0) > 20
        sure = value[weight > 0].max(-1)
        assert np.all(sure == 1) != soft
        np.testing.assert_array_equal(guess[:6], np.arange(6) % 3)
    # Students are larger than the first teacher.
    widths = [p['student']['Dense_0']['kernel'].shape[1] for p in run.first]
    assert widths == [4, 8, 8]
    assert results['test_accuracy'] > 0.8
    assert results['labels'] == 6
    _, state = restored(Run(tmp_path), job)
    np.testing.assert_array_equal(state.frozen['targets'].weight, weight)


def test_refuses_a_network_of_no_round(tmp_path, make_job):
    settings = {**NOISY, 'soft': True, 'networks': {'round2': {'hidden': (4,)}}}
    job = build(make_job, 'noisy_student', **settings)
    with pytest.raises(InputError, match="rounds.networks is 'round2'.*round0, round1"):
        rounds(Watched(tmp_path), job)


@pytest.fixture(scope='module')
def asked(make_job, tmp_path_factory):
    """An uninterrupted run of active learning: job, run and results."""
    job = build(make_job, 'active', **ASK)
    run = Watched(tmp_path_factory.mktemp('asked'))
    return job, run, rounds(run, job)


def test_active_learning_asks_for_true_labels(asked):
    job, run, results = asked
    truth = job.data.source.fields['label']
    assert [len(taught) for taught in run.taught] == [6, 11, 16]
    assert results['labels'] == results['rows/2'] == 16
    for before, after in zip(run.taught, run.taught[1:], strict=False):
        assert before.items() <= after.items()
    assert all(truth[row] == label for row, label in run.taught[-1].items())
    assert set(run.taught[-1]) <= set(job.data.rows['unlabelled'])


def test_goes_on_where_it_stopped(tmp_path, asked):
    job, straight, expected = asked

    class Stopped(Run):
        def fit(self, name, *args, **options):
            if name == 'round1':
                raise KeyboardInterrupt
            return super().fit(name, *args, **options)

    with pytest.raises(KeyboardInterrupt):
        rounds(Stopped(tmp_path, progress=False), job)
    sweep = tmp_path / 'sweep0' / 'result.npz'
    swept = sweep.stat().st_mtime_ns
    again = Watched(tmp_path)
    found = rounds(again, job)
    assert again.taught == straight.taught
    assert found['test_accuracy'] == expected['test_accuracy']
    assert sweep.stat().st_mtime_ns == swept


def test_sweep_is_one_answer_a_row(make_job):
    job = build(make_job, 'active', **ASK)
    method = job.method()
    raw = {'index': np.arange(6), **job.data.source.fields}
    state = method.init(
        jax.random.key(0), {'labelled': {k: v[:6] for k, v in raw.items()}}
    )
    image = job.data.source.fields['image'][np.arange(57)[::-1]]  # no whole batches
    probs = answering(job, method)(state, {'image': image})
    np.testing.assert_array_equal(answering(job, method)(state, image), probs)
    expected = jax.nn.softmax(method.predict(state, image)['logits'])
    np.testing.assert_allclose(probs, expected, atol=1e-6)


PROBS = np.array(
    [[0.9, 0.1], [0.4, 0.6], [0.05, 0.95], [0.5, 0.5], [0.2, 0.8]], np.float32
)
KNOWN = np.array([True, False, False, False, False])
TRUTH = np.array([1, 1, 0, 0, -1], np.int32)


FEATURES = np.array([[1, 0], [2, 0], [0, 1], [1, 1], [-1, 0]], np.float32)


def choose(policy, features=None, **settings):
    answers = Answers(PROBS, features)
    key = jax.random.key(0)
    return POLICIES[policy](key, answers, KNOWN, TRUTH, ConfigDict(settings))


def test_confident_keeps_what_is_known():
    known, label, _ = choose('confident', threshold=0.8)
    np.testing.assert_array_equal(label, [1, -1, 1, -1, 1])
    np.testing.assert_array_equal(known, KNOWN)


def test_only_rows_with_a_truth_are_asked_for():
    known, label, _ = choose('k_centre', ask=2)
    chosen = solvers.k_centre(PROBS[:4], np.array([0]), 2)
    np.testing.assert_array_equal(np.flatnonzero(known), sorted([0, *chosen]))
    np.testing.assert_array_equal(label, np.where(known, TRUTH, -1))
    for policy in 'k_centre', 'random':
        np.testing.assert_array_equal(choose(policy, ask=3)[1], [1, 1, 0, 0, -1])
        with pytest.raises(InputError, match='ask is 4, but 3 labels are left'):
            choose(policy, ask=4)


@pytest.mark.parametrize(
    'policy', ['badge', 'class_balanced', 'entropy', 'margin', 'robust']
)
def test_asks_for_what_is_not_known_and_has_a_truth(policy):
    # Row 3 is the most open, has the longest gradient and is of the rarer class.
    known, label, _ = choose(policy, ask=1, wrong=0)
    np.testing.assert_array_equal(known, [True, False, False, True, False])
    np.testing.assert_array_equal(label, [1, -1, -1, 0, -1])
    np.testing.assert_array_equal(choose(policy, ask=3, wrong=1)[1], [1, 1, 0, 0, -1])
    with pytest.raises(InputError, match='ask is 4, but 3 labels are left'):
        choose(policy, ask=4, wrong=1)


def test_a_coreset_covers_the_directions_of_the_features():
    # Row 1 is the farthest from row 0 and looks the same way; row 4 has no truth.
    known, _, _ = choose('coreset', FEATURES, ask=1)
    np.testing.assert_array_equal(known, [True, False, True, False, False])
    with pytest.raises(InputError, match="'coreset', but .* no 'features'"):
        choose('coreset', ask=1)


def test_badge_looks_at_features_where_there_are_any():
    # Row 1 has the longest gradient by its features, row 3 without them.
    known, _, _ = choose('badge', FEATURES, ask=1)
    np.testing.assert_array_equal(known, [True, True, False, False, False])


TEACHER = {'method': 'supervised', 'steps': 20, 'rows': 'validation'}


@pytest.mark.parametrize('oracle', ['truth', 'teacher'])
def test_a_teacher_of_all_rounds_may_answer_too(tmp_path, make_job, oracle):
    class Given(Watched):
        def fit(self, name, method, feed, steps, *, given=None, **options):
            if name != 'teacher':
                self.given = [*getattr(self, 'given', []), given]
                return super().fit(name, method, feed, steps, given=given, **options)
            drawn = [feed(step)['labelled']['index'] for step in range(20)]
            self.drawn = set(np.concatenate(drawn).tolist())
            state = Run.fit(self, name, method, feed, steps, **options)
            self.teacher, self.answer = state, method
            return state

    settings = {**ASK, 'teacher': TEACHER, 'oracle': oracle, 'count': 2, 'ask': 40}
    method = 'active_kd' if oracle == 'truth' else 'rad'
    job = make_job(method=method, networks={'teacher_network': {}}, rounds=settings)
    job.config.args = ConfigDict({'view': 'weak'})
    run = Given(tmp_path)
    results = rounds(run, job)
    assert run.drawn == set(range(60, 80))
    weights = run.teacher.memory['teacher'].variables
    weights = {'teacher': weights} if oracle == 'truth' else {}
    for given in run.given:
        jax.tree.map(np.testing.assert_array_equal, given, weights)
    last, state = restored(Run(tmp_path), job)
    jax.tree.map(np.testing.assert_array_equal, dict(state.frozen), weights)
    assert scorer(job, 'test')(last, state).items() <= results.items()
    image = job.data.source.fields['image'][:60]
    said = np.argmax(run.answer.predict(run.teacher, image)['logits'], axis=-1)
    truth = np.arange(60) % 3
    expected = truth if oracle == 'truth' else np.where(np.arange(60) < 6, truth, said)
    assert all(expected[row] == label for row, label in run.taught[-1].items())
    assert results['rows/1'] == 46
    assert (results['label_accuracy/1'] == 1) == (
        oracle == 'truth' or all(said == truth)
    )


def test_refuses_an_unknown_policy(tmp_path, make_job):
    job = build(make_job, 'active', **ASK | {'policy': 'k_center'})
    with pytest.raises(InputError, match="rounds.policy is 'k_center'.*'k_centre'"):
        rounds(Watched(tmp_path), job)
