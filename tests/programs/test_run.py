import json
import logging
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax.contracts import InputError, Variables
from ssljax.programs import NonFiniteLoss, Run, fit
from ssljax.programs.fit import initial
from ssljax.train import checkpoints, sharding, writers


def quiet(folder, **settings):
    return Run(folder, progress=False, **settings)


def test_rows(linear, whole):
    rows = writers.rows(whole[0] / 'metrics.jsonl')
    # Multiples of log_every, of eval_every, and the last step; each once.
    assert [r['step'] for r in rows] == [4, 6, 8, 12, 16, 18, 20, 24, 28, 30]
    metrics = {'step', 'loss', 'loss/fit', 'loss/decay', 'utilisation'}
    scores = {'validation_accuracy', 'validation_steps'}
    for row in rows:
        assert set(row) == metrics | (scores if row['step'] % 6 == 0 else set())
    assert rows[1]['validation_steps'] == 6
    # A row is of its own update: update 4 draws with key 3.
    key = jax.random.fold_in(quiet('unused').key('main'), 3)
    assert rows[0]['utilisation'] == pytest.approx(float(jax.random.uniform(key)))
    assert rows[-1]['loss'] < rows[0]['loss']


def test_finished_fit_is_read_back(linear, same_bits, whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / 'run')
    before = {f: f.stat().st_mtime_ns for f in tmp_path.rglob('arrays/*')}
    run = Run(tmp_path / 'run')

    def step(state, batch):
        raise AssertionError('a finished fit does not step')

    method = linear.METHOD._replace(step=step)
    state = run.fit('main', method, linear.feed, 30, evaluate=linear.evaluate)
    same_bits(state, whole[1])
    assert before == {f: f.stat().st_mtime_ns for f in tmp_path.rglob('arrays/*')}
    metrics = (tmp_path / 'run' / 'metrics.jsonl').read_bytes()
    assert metrics == (whole[0] / 'metrics.jsonl').read_bytes()
    record = run.record('main')
    assert record == Run(whole[0]).record('main')
    assert record['steps'] == record['step'] == 30 and record['selected'] == 'last'
    assert record['scores']['validation_steps'] == 30
    assert record['wall_seconds'] > 0 and record['images_per_second'] > 0


def test_it_compiles_once(linear, tmp_path, caplog):
    traces = []
    method = linear.method(traces=traces)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        state = quiet(tmp_path / 'a').fit('main', method, linear.feed, 8)
        run = quiet(tmp_path / 'b', checkpoint_every=4)
        run.fit('main', method, linear.feed, 8, start=state)
        # Gone on from a checkpoint, whose arrays orbax would commit to a device.
        shutil.rmtree(tmp_path / 'b/checkpoints/16')
        run = quiet(tmp_path / 'b', checkpoint_every=4)
        again = run.fit('main', method, linear.feed, 8, start=state)
    assert again.step == 16
    compiled = [m for m in caplog.messages if m.startswith('Compiling jit(advance)')]
    assert len(traces) == len(compiled) == 1


def test_a_fit_on_several_devices_is_compiled_once(linear, tmp_path, caplog):
    layout = sharding.layout(jax.devices()[:4])
    method = linear.method()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        for _ in range(2):
            run = quiet(tmp_path, checkpoint_every=4, layout=layout)
            state = run.fit('main', method, linear.feed, 8)
            assert {leaf.sharding for leaf in jax.tree.leaves(state)} == {
                sharding.whole(layout)
            }
            shutil.rmtree(tmp_path / 'checkpoints/8')
    compiled = [m for m in caplog.messages if m.startswith('Compiling jit(advance)')]
    assert len(compiled) == 1


def test_the_host_runs_ahead_though_each_step_is_logged(linear, tmp_path, monkeypatch):
    """By so many steps and no more: each has a batch on the devices."""
    looked, under_way = [], []
    look = fit._all_finite
    monkeypatch.setattr(
        fit, '_all_finite', lambda tree: looked.append(look(tree)) or looked[-1]
    )

    def feed(step):
        under_way.append(sum(not x.is_ready() for x in looked))
        return linear.feed(step)

    def step(state, batch):
        new, metrics = linear.METHOD.step(state, batch)
        grown = jax.lax.fori_loop(
            0, 400, lambda i, x: jnp.tanh(x @ x) + i, jnp.ones((128, 128))
        )
        params = jax.tree.map(lambda x: x + 0 * grown.mean(), new.params)
        return new._replace(params=params), metrics

    run = quiet(tmp_path, log_every=1)
    run.fit('main', linear.METHOD._replace(step=step), feed, 12)
    assert max(under_way) == fit.AHEAD


def test_several_steps_in_one_program(linear, tmp_path, monkeypatch):
    """Only on accelerators, and to the same numbers."""
    taken = []
    together = fit._together
    monkeypatch.setattr(
        fit, '_together', lambda *args: taken.append(together(*args)) or taken[-1]
    )
    every = {'log_every': 3, 'eval_every': 6, 'checkpoint_every': 6}
    one = quiet(tmp_path / 'one', **every, dispatch=3)
    one = one.fit('main', linear.METHOD, linear.feed, 13)
    assert taken == [1] * 13
    monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
    taken.clear()
    many = quiet(tmp_path / 'many', **every, dispatch=3)
    many = many.fit('main', linear.METHOD, linear.feed, 13)
    assert taken == [3, 3, 3, 3, 1]
    for a, b in zip(*(writers.rows(tmp_path / n / 'metrics.jsonl')
                      for n in ('one', 'many')), strict=True):  # fmt: skip
        assert a == pytest.approx(b, rel=1e-5)
    np.testing.assert_allclose(one.params['student']['w'], many.params['student']['w'],
                               rtol=1e-5)  # fmt: skip


def test_what_was_handed_in_stays_readable(linear, same_bits, tmp_path):
    given = {'student': Variables({'w': jnp.ones(3), 'b': jnp.zeros(())})}
    run = quiet(tmp_path)
    state = run.fit('first', linear.METHOD, linear.feed, 3, given=given)
    before = jax.tree.map(jnp.copy, state)
    run.fit('second', linear.METHOD, linear.feed, 3, start=state)
    same_bits(state, before)
    assert float(given['student'].params['w'].sum()) == 3


def test_start_goes_on_where_it_is(linear, same_bits, whole, tmp_path):
    run = quiet(tmp_path, **linear.CADENCE)
    start = initial(linear.METHOD, run.key('main'), linear.feed(0), {}, run.layout)
    state = run.fit('a', linear.METHOD, linear.feed, 10, start=start)
    state = run.fit('b', linear.METHOD, linear.feed, 20, start=state)
    same_bits(state, whole[1])
    halves = [writers.rows(tmp_path / unit / 'metrics.jsonl') for unit in 'ab']
    losses = {row['step']: row['loss'] for rows in halves for row in rows}
    assert [*losses] == [4, 8, 10, 12, 16, 20, 24, 28, 30]
    rows = writers.rows(whole[0] / 'metrics.jsonl')
    assert {
        r['step']: r['loss'] for r in rows if r['step'] in losses
    }.items() <= losses.items()


def scores_of(table):
    return lambda method, state: {'validation_accuracy': table[int(state.step)]}


@pytest.mark.parametrize('crash', [None, 9])
def test_best(linear, same_bits, tmp_path, crash):
    table = {2: 0.2, 4: np.nan, 6: 0.9, 8: 0.9, 10: 0.5, 12: 0.4, 13: 0.1}

    def fit(feed=linear.feed, keep='best', name='main'):
        run = quiet(tmp_path, log_every=5, eval_every=2, checkpoint_every=5)
        method = linear.METHOD
        state = run.fit(name, method, feed, 13, keep=keep, evaluate=scores_of(table))
        return run, state

    if crash:
        with pytest.raises(ZeroDivisionError):
            fit(lambda step: linear.feed(step) if step != crash else 1 / 0)
    run, state = fit()
    # The first of equals, though no multiple of checkpoint_every; and the last two.
    assert checkpoints.steps(tmp_path / 'checkpoints') == [6, 10, 13]
    assert state.step == 6
    record = run.record('main')
    assert (record['selected'], record['step'], record['steps']) == ('best', 6, 13)
    assert record['scores'] == {'validation_accuracy': 0.9}
    assert writers.rows(tmp_path / 'metrics.jsonl')[1]['validation_accuracy'] is None
    same_bits(fit()[1], state)
    same_bits(
        quiet(tmp_path / 'x', seed=0).fit('main', linear.METHOD, linear.feed, 6),
        state,
    )


def test_best_stays_beside_the_last(linear, tmp_path):
    table = {n: 1 / n for n in (5, 10, 15, 20)}
    run = quiet(tmp_path, eval_every=5, checkpoint_every=5, keep_last=1)
    run.fit('main', linear.METHOD, linear.feed, 20, evaluate=scores_of(table))
    assert checkpoints.steps(tmp_path / 'checkpoints') == [5, 20]
    assert run.record('main')['selected'] == 'last'


def test_damaged_best_is_not_called_best(linear, tmp_path):
    table = {5: 0.9, 10: 0.1}

    def fit():
        run = quiet(tmp_path, eval_every=5)
        state = run.fit(
            'main', linear.METHOD, linear.feed, 10, keep='best',
            evaluate=scores_of(table),
        )  # fmt: skip
        return run, state

    assert fit()[1].step == 5
    shutil.rmtree(tmp_path / 'checkpoints/5/arrays')
    with pytest.warns(UserWarning, match='5 is skipped.*Using .*10'):
        run, state = fit()
    assert state.step == 10 and run.record('main')['selected'] == 'last'


def test_restore(linear, whole, same_bits, tmp_path):
    folder, state = whole
    before = sorted(folder.rglob('*'))
    restored = linear.Run(folder).restore('main', linear.method(), linear.feed)
    same_bits(restored, state)
    assert sorted(folder.rglob('*')) == before
    with pytest.raises(InputError, match="no whole checkpoint of a fit 'main'"):
        linear.Run(tmp_path).restore('main', linear.method(), linear.feed)
    with pytest.raises(InputError, match='saved by another method or network'):
        linear.Run(folder).restore('main', linear.method(width=4), linear.feed)


def test_non_finite_loss(linear, tmp_path):
    def feed(step):
        batch = linear.feed(step)
        if step == 6:
            batch['labelled']['y'] = batch['labelled']['y'] + np.inf
        return batch

    run = quiet(tmp_path, log_every=4, checkpoint_every=5)
    with pytest.raises(NonFiniteLoss) as error:
        run.fit('main', linear.METHOD, feed, 20)
    # The total follows from the term, and later steps from this one.
    assert 'loss/fit became NaN or inf at step 7' in str(error.value)
    assert f'last good checkpoint is {tmp_path}/checkpoints/5.' in str(error.value)
    assert checkpoints.steps(tmp_path / 'checkpoints') == [5]
    assert [r['step'] for r in writers.rows(tmp_path / 'metrics.jsonl')] == [4]

    with pytest.raises(NonFiniteLoss, match='there is no checkpoint before it'):
        quiet(tmp_path / 'new').fit('main', linear.METHOD, feed, 20)


def test_poisoned_parameters_are_not_saved(linear, tmp_path):
    blow_up = optax.scale_by_schedule(lambda n: jnp.where(n == 4, jnp.inf, -0.01))
    run = quiet(tmp_path, checkpoint_every=5)
    with pytest.raises(NonFiniteLoss, match='parameters are not finite after step 5'):
        run.fit('main', linear.method(blow_up), linear.feed, 20)
    assert checkpoints.steps(tmp_path / 'checkpoints') == []


def test_a_step_that_breaks_the_contract_is_refused(linear, tmp_path):
    method = linear.METHOD

    def changed(**new):
        def step(state, batch):
            moved, metrics = method.step(state, batch)
            return moved._replace(**new), metrics

        return method._replace(step=step)

    with pytest.raises(InputError, match='State.step is 0 after update 1'):
        quiet(tmp_path / 'a').fit('x', changed(step=jnp.int32(0)), linear.feed, 3)
    with pytest.raises(InputError, match=r"memory\['new'\] was not there"):
        memory = {'new': jnp.zeros(2)}
        quiet(tmp_path / 'b').fit('x', changed(memory=memory), linear.feed, 3)
    # Frozen is saved once, so it does not move.
    frozen = {'scale': Variables({'x': jnp.zeros(3)})}
    state = quiet(tmp_path / 'c').fit('x', changed(frozen=frozen), linear.feed, 3)
    assert float(state.frozen['scale'].params['x'][0]) == 0.5


def test_frozen_is_saved_once(whole):
    names = [f.name for f in whole[0].joinpath('checkpoints').iterdir()]
    assert sorted(names) == ['20', '30', 'frozen']
    saved = json.loads((whole[0] / 'checkpoints/30/checkpoint.json').read_text())
    assert not any('frozen' in name for name in saved['leaves'])


def test_units(linear, tmp_path):
    run = quiet(tmp_path)
    run.fit('teacher', linear.METHOD, linear.feed, 2)
    assert (tmp_path / 'teacher' / 'metrics.jsonl').exists()
    with pytest.raises(InputError, match="'teacher' was already used"):
        run.once('teacher', dict)
    for name in ('', '../up', 'a/b', '.hidden', 'checkpoints'):
        with pytest.raises(InputError, match='does not do for a folder'):
            run.once(name, dict)
    with pytest.raises(InputError, match="no fit 'other' is finished"):
        run.record('other')


def test_bad_arguments(linear, tmp_path):
    with pytest.raises(InputError, match='log_every is 0'):
        Run(tmp_path, log_every=0)
    with pytest.raises(InputError, match="progress is 'maybe'"):
        Run(tmp_path, progress='maybe')
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='is a file'):
        Run(tmp_path / 'file')

    def refused(match, steps=3, **arguments):
        with pytest.raises(InputError, match=match):
            run = quiet(tmp_path / 'run')
            run.fit('main', linear.METHOD, linear.feed, steps, **arguments)

    refused('steps is 0', steps=0)
    refused("keep is 'first'", keep='first')
    refused("keep='best' needs evaluate", keep='best')
    start, given = linear.METHOD.init(jax.random.key(0), None), {'student': 0}
    refused('start or given', start=start, given=given)
    refused(
        "goes by 'accuracy'", keep='best', best='accuracy', evaluate=linear.evaluate
    )


def test_keys_depend_on_seed_and_name():
    data = [
        jax.random.key_data(Run('x', seed=seed).key(name)).tolist()
        for seed, name in [(0, 'a'), (0, 'b'), (1, 'a'), (0, 'a')]
    ]
    assert data[3] == data[0] and len({*map(tuple, data)}) == 3


def test_once(tmp_path):
    calls = []

    def result():
        calls.append(1)
        return {
            'array': jnp.arange(6.0).reshape(2, 3),
            'half': jnp.arange(3, dtype=jnp.bfloat16),
            'nested': [(1, 2.5, 'text'), [], {}, (), None, True, float('inf')],
            'scalar': np.float32(0.1),
            'words': np.array(['a', 'bc']),
            'empty': np.zeros((0, 2), np.int8),
        }

    first = Run(tmp_path).once('table', result)
    second = Run(tmp_path).once('table', result)
    assert len(calls) == 1
    for found in (first, second):
        assert found['nested'] == result()['nested']
        for name, value in result().items():
            if name != 'nested':
                assert type(found[name]) is np.ndarray
                assert found[name].dtype == value.dtype
                np.testing.assert_array_equal(found[name], np.asarray(value))
    with pytest.raises(InputError, match='seed was 0 and is now 1'):
        Run(tmp_path, seed=1).once('table', result)
    path = tmp_path / 'table/result.npz'
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="result.npz can't be read"):
        Run(tmp_path).once('table', result)


@pytest.mark.parametrize(
    ('value', 'match'),
    [
        ({'a': {1, 2}}, r"the result\['a'\] is a set"),
        ([{1: 2}], r'the result\[0\] is a dict'),
        (np.array([{}]), 'is a ndarray'),
        (Variables({}), 'is a Variables'),
    ],
)
def test_once_refuses_what_it_can_not_give_back(tmp_path, value, match):
    with pytest.raises(InputError, match=match):
        Run(tmp_path).once('unit', lambda: value)
    assert Run(tmp_path).once('unit', lambda: 3) == 3


def test_lines_on_a_pipe(linear, tmp_path, capsys):
    run = Run(tmp_path, eval_every=4)
    run.fit('main', linear.METHOD, linear.feed, 8, evaluate=linear.evaluate)
    lines = capsys.readouterr().err.splitlines()
    lines = [line for line in lines if 'compiled in' not in line]
    assert len(lines) == 2 and lines[0].startswith('main 4/8: loss ')
    for text in ('utilisation', 'validation_accuracy', 'images/s', '0:00 left'):
        assert text in lines[1]


def test_bar_when_asked(linear, tmp_path, capsys):
    run = Run(tmp_path, log_every=4, progress='bar')
    run.fit('main', linear.METHOD, linear.feed, 8, evaluate=linear.evaluate)
    err = capsys.readouterr().err
    assert '8/8' in err and 'loss ' in err and 'images/s' in err


def test_tensorboard(linear, tmp_path, monkeypatch):
    pytest.importorskip('tensorboardX')
    run = quiet(tmp_path, tensorboard=True)
    run.fit('main', linear.METHOD, linear.feed, 2)
    (events,) = (tmp_path / 'tensorboard').iterdir()
    assert b'loss/fit' in events.read_bytes()
    monkeypatch.setitem(__import__('sys').modules, 'tensorboardX', None)
    with pytest.raises(InputError, match='pip install tensorboardX'):
        quiet(tmp_path / 'b', tensorboard=True).fit(
            'main', linear.METHOD, linear.feed, 2
        )
