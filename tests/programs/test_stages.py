import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError, State, Variables
from ssljax.programs import Run
from ssljax.programs.job import variables_of
from ssljax.programs.stages import restored, stages, without
from ssljax.teachers import ema

STAGES = {
    'pretrain': {'method': 'simclr', 'steps': 10, 'args': {'ratio': 4.0}},
    'finetune': {
        'method': 'supervised',
        'steps': 20,
        'start_from': 'pretrain',
        'drop': ('Dense_1',),
    },
    'distil': {
        'method': 'distil',
        'steps': 30,
        'network': {'hidden': (4,)},
        'args': {'ratio': 4.0, 'temperature': 2.0},
        'teacher_from': 'finetune',
    },
}


class Watched(Run):
    """Remembers what each fit was given and ended with, or stops at one."""

    def __init__(self, folder, stop=None, **options):
        super().__init__(folder, progress=False, **options)
        self.given, self.ended, self.stop = {}, {}, stop

    def fit(self, name, method, feed, steps, *, given, **options):
        if name == self.stop:
            raise KeyboardInterrupt
        self.given[name] = dict(given)
        state = super().fit(name, method, feed, steps, given=given, **options)
        self.ended[name] = state, method
        return state


@pytest.fixture(scope='module')
def job(make_job):
    return make_job(method='stages', order=tuple(STAGES), stages=STAGES)


@pytest.fixture(scope='module')
def whole(job, tmp_path_factory):
    """An uninterrupted run and its results."""
    run = Watched(tmp_path_factory.mktemp('whole'))
    return run, stages(run, job)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_hands_over_what_the_stages_say(whole):
    run, results = whole
    pretrained = run.ended['pretrain'][0].params['student']
    assert run.given['pretrain'] == {}
    assert_same(
        run.given['finetune'],
        {'student': Variables({'Dense_0': pretrained['Dense_0']})},
    )
    # The average is what finetuning ships, and so what is distilled.
    tuned = run.ended['finetune'][0].memory['teacher'].variables
    assert_same(run.given['distil'], {'teacher': tuned})
    state, _ = run.ended['distil']
    assert_same(state.frozen['teacher'], tuned)
    assert state.params['student']['Dense_0']['kernel'].shape == (5, 4)

    assert results['test_accuracy'] == results['test_accuracy/distil'] > 0.9
    assert set(results) >= {'test_accuracy_student', 'test_accuracy/finetune'}
    assert 'test_accuracy/pretrain' not in results
    seconds = [run.record(name)['wall_seconds'] for name in STAGES]
    assert results['wall_seconds'] == sum(seconds)


def test_goes_on_where_it_stopped(tmp_path, job, whole):
    with pytest.raises(KeyboardInterrupt):
        stages(Watched(tmp_path, stop='distil'), job)
    again = Watched(tmp_path)
    found = stages(again, job)
    straight, expected = whole
    scores = {k: v for k, v in found.items() if 'accuracy' in k}
    assert scores == {k: v for k, v in expected.items() if 'accuracy' in k}
    assert_same(again.ended['distil'][0].params, straight.ended['distil'][0].params)


def test_the_last_stage_is_read_back_with_what_it_was_given(tmp_path, job, whole):
    run, _ = whole
    before = sorted(run.folder.rglob('*'))
    _, state = restored(Run(run.folder), job)
    assert_same(state.params, run.ended['distil'][0].params)
    assert_same(state.frozen, run.ended['distil'][0].frozen)
    assert sorted(run.folder.rglob('*')) == before
    with pytest.raises(KeyboardInterrupt):
        stages(Watched(tmp_path, stop='distil'), job)
    with pytest.raises(InputError, match="no checkpoint of the stage 'distil'"):
        restored(Run(tmp_path), job)


@pytest.mark.parametrize(
    'change, message',
    [
        ({'order': ('finetune',)}, "finetune.start_from .* is 'pretrain'"),
        ({'order': ('pretrian',)}, "stage of order is 'pretrian'.*'pretrain'"),
        ({'stages.finetune.drop': ('Dense_2',)}, "name of drop is 'Dense_2'"),
    ],
)
def test_refuses_stages_that_do_not_fit(tmp_path, make_job, change, message):
    job = make_job(method='stages', order=tuple(STAGES), stages=STAGES)
    job.config.stages.pretrain.steps = 1
    job.config.update_from_flattened_dict(change)
    with pytest.raises(InputError, match=message):
        stages(Watched(tmp_path), job)


def test_variables_of_finds_networks_and_averages():
    params, stats = {'w': jnp.ones(2)}, {'mean': jnp.zeros(2)}
    state = State(0, 0, {'student': params}, {'student': stats}, {}, {}, {})
    assert variables_of(state, 'student') == Variables(params, stats)
    average = ema(0.9).init(Variables(params, stats))
    state = state._replace(memory={'teacher': average, 'rule': ()})
    assert_same(variables_of(state, 'teacher'), Variables(params, stats))
    with pytest.raises(InputError, match="who is 'critic'"):
        variables_of(state, 'critic')


def test_without_takes_the_statistics_along():
    given = Variables({'a': 1, 'b': 2}, {'b': 3, 'c': 4})
    assert without(given, ('b',)) == Variables({'a': 1}, {'c': 4})


def test_a_stage_has_rates_of_its_own(tmp_path, make_job):
    finetune = {**STAGES['finetune'], 'rates': {'learning_rate': 0.0}}
    some = {**STAGES, 'finetune': finetune}
    run = Watched(tmp_path)
    stages(run, make_job(method='stages', order=('pretrain', 'finetune'), stages=some))
    before = run.given['finetune']['student'].params
    after = run.ended['finetune'][0].params['student']
    assert_same({name: after[name] for name in before}, before)


def test_chooses_a_mixture_by_validation(tmp_path, make_job):
    two = {
        'finetune': {'method': 'supervised', 'steps': 20},
        'dho': {
            'method': 'dho',
            'steps': 20,
            'args': {'ratio': 4.0},
            'teacher_from': 'finetune',
            'choose': {'mixture': {'share': (0.0, 1.0)}},
        },
    }
    job = make_job(method='stages', order=tuple(two), stages=two)
    run = Watched(tmp_path)
    found = stages(run, job)
    share = found['chosen/dho/share']
    scores = run.record('dho')['scores']
    heads = [scores[f'validation_accuracy_{x}_head'] for x in ('taught', 'label')]
    assert share == float(heads[1] > heads[0])
    ours = 'test_accuracy_label_head' if share else 'test_accuracy_taught_head'
    assert found['test_accuracy'] == found[ours]
    assert stages(Run(tmp_path, progress=False), job) == found
    _, state = restored(Run(tmp_path), job)
    assert state.memory['mixture']['share'] == share
    (tmp_path / 'choice_dho_mixture' / 'result.npz').unlink()  # not chosen yet
    _, state = restored(Run(tmp_path), job)
    assert_same(state.memory, run.ended['dho'][0].memory)


def test_answers_are_kept_for_a_stage(tmp_path, make_job):
    """Of the teacher on every row; then the teacher itself is not given."""
    kept = {
        'finetune': {'method': 'supervised', 'steps': 20},
        'distil': {
            **{k: x for k, x in STAGES['distil'].items() if k != 'teacher_from'},
            'answers_from': 'finetune',
            'top': 2,
            'args': {'ratio': 4.0, 'target_from': 'top_answers'},
        },
    }
    job = make_job(method='stages', order=tuple(kept), stages=kept)
    run = Watched(tmp_path)
    stages(run, job)
    assert run.given['distil'] == {} and not run.ended['distil'][0].frozen
    method, state = run.ended['finetune'][1], run.ended['finetune'][0]
    answers = Run(tmp_path, progress=False).once('answers_distil', dict)
    rows = job.data.rows['unlabelled']
    images = job.data.source.fields['image'][rows]
    logits = np.sort(method.predict(state, images)['logits'], axis=1)[:, :0:-1]
    np.testing.assert_allclose(answers['teacher_logits'][:, :2], logits, rtol=1e-5)
    assert_same(restored(Run(tmp_path), job)[1].params, run.ended['distil'][0].params)
    job.config.stages.distil.answers_from = 'tune'
    with pytest.raises(InputError, match="answers_from .* is 'tune'"):
        stages(Watched(tmp_path / 'other'), job)


def test_parts_of_a_source_are_rows_to_draw_from(tmp_path, make_job):
    """The labels of 30 rows of a part, where the split has 6."""
    part = {'finetune': {**STAGES['finetune'], 'rows': {'labelled': ('mine',)}}}
    del part['finetune']['start_from'], part['finetune']['drop']
    parts = {'hash': 'abc', 'mine': tuple(range(30))}
    job = make_job(method='stages', order=('finetune',), stages=part, parts=parts)
    with pytest.raises(InputError, match='hash abc, the data have None'):
        stages(Watched(tmp_path / 'a'), job)
    job = job._replace(data=job.data._replace(split={'hash': 'abc'}))
    assert stages(Watched(tmp_path / 'b'), job)['test_accuracy'] > 0.8
    job.config.stages.finetune.rows.labelled = ('yours',)
    with pytest.raises(InputError, match="rows.labelled is 'yours'"):
        stages(Watched(tmp_path / 'c'), job)
