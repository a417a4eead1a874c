"""A fit that was ended, by whatever, goes on to the same bits."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings

import pytest

from ssljax.contracts import InputError
from ssljax.programs import Interrupted, Run
from ssljax.train import writers

# Steps 23 and 13 are neither logged nor scored nor saved.
DEATHS = {
    'feed': (23, -signal.SIGKILL),
    'row': (24, -signal.SIGKILL),
    'checkpoint': (20, -signal.SIGKILL),
    'term': (13, 128 + signal.SIGTERM),
}


def script(linear, folder, how, at):
    return subprocess.Popen(
        [sys.executable, linear.__file__, str(folder), how, str(at)],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(autouse=True)
def interruptible():
    """A suite that was started in the background has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope='module')
def ended(linear, tmp_path_factory):
    """Folders of processes that were ended, and what they said, by how."""
    root = tmp_path_factory.mktemp('ended')
    processes = {
        how: script(linear, root / how, how, at) for how, (at, _) in DEATHS.items()
    }
    said = {}
    for how, process in processes.items():
        said[how] = process.communicate(timeout=120)[1]
        assert process.returncode == DEATHS[how][1], said[how]
    return root, said


@pytest.mark.parametrize('how', DEATHS)
@pytest.mark.filterwarnings('ignore:.*is skipped')
def test_ended_process_goes_on_to_the_same_bytes(linear, same_bits, whole, ended, how):
    folder, state = whole
    copy = ended[0] / f'{how}-continued'
    shutil.copytree(ended[0] / how, copy)
    assert not (copy / 'record.json').exists()

    run = Run(copy, **linear.CADENCE, progress=False)
    seen = []

    def feed(step):
        seen.append(step)
        return linear.feed(step)

    again = run.fit('main', linear.METHOD, feed, linear.STEPS, evaluate=linear.evaluate)
    # A checkpoint that was still being written does not count.
    resumed = {'feed': (10, 20), 'row': (10, 20), 'checkpoint': (10,), 'term': (14,)}
    # The first feed is for the shapes of the state.
    assert seen[0] == 0 and seen[1] in resumed[how]
    assert seen[1:] == [*range(seen[1], linear.STEPS)]
    for file in ('metrics.jsonl', 'arguments.json'):
        assert (copy / file).read_bytes() == (folder / file).read_bytes()
    same_bits(again, state)


def test_killed_process_goes_on_in_a_new_process(linear, whole, ended):
    folder = ended[0] / 'feed-new'
    shutil.copytree(ended[0] / 'feed', folder)
    process = script(linear, folder, 'not', 0)
    said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    metrics = (folder / 'metrics.jsonl').read_bytes()
    assert metrics == (whole[0] / 'metrics.jsonl').read_bytes()


def test_sigterm_says_where_and_what_next(ended):
    assert (ended[0] / 'term' / 'checkpoints' / '14' / 'checkpoint.json').exists()
    said = ended[1]['term']
    assert 'stopped at step 14 of 30' in said and 'checkpoints/14' in said
    assert 'same command goes on' in said


def test_unfinished_checkpoint_is_named(linear, ended, tmp_path):
    shutil.copytree(ended[0] / 'checkpoint', tmp_path / 'run')
    run = Run(tmp_path / 'run', progress=False)
    found = r'checkpoints/20 is skipped: .*not finished\. Using .*checkpoints/10\.'
    with pytest.warns(UserWarning, match=found):
        run.fit('main', linear.METHOD, linear.feed, linear.STEPS)


@pytest.mark.parametrize('signum', [signal.SIGINT, signal.SIGTERM])
def test_signal_saves_and_restores_handlers(linear, same_bits, whole, tmp_path, signum):
    before = signal.getsignal(signum)

    def feed(step):
        if step == 12:
            os.kill(os.getpid(), signum)
        return linear.feed(step)

    def fit(feed):
        run = Run(tmp_path, **linear.CADENCE, progress=False)
        return run.fit(
            'main', linear.METHOD, feed, linear.STEPS, evaluate=linear.evaluate
        )

    with pytest.raises(Interrupted) as error:
        fit(feed)
    assert isinstance(error.value, SystemExit)
    assert error.value.code == 128 + signum and error.value.signum == signum
    assert signal.getsignal(signum) is before
    assert [row['step'] for row in writers.rows(tmp_path / 'metrics.jsonl')][-1] == 12
    same_bits(fit(linear.feed), whole[1])


def test_signal_in_the_last_step_is_not_lost(linear, same_bits, whole, tmp_path):
    def feed(step):
        if step == linear.STEPS - 1:
            signal.raise_signal(signal.SIGINT)
        return linear.feed(step)

    with pytest.raises(Interrupted):
        Run(tmp_path, progress=False).fit('main', linear.METHOD, feed, linear.STEPS)
    state = Run(tmp_path).fit('main', linear.METHOD, linear.feed, linear.STEPS)
    same_bits(state, whole[1])


def test_a_second_signal_is_not_held_back(linear, tmp_path):
    def feed(step):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    run = Run(tmp_path, progress=False)
    start = linear.METHOD.init(run.key('main'), None)
    with pytest.raises(KeyboardInterrupt):
        run.fit('main', linear.METHOD, feed, 3, start=start)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ignored_signal_stays_ignored(linear, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def feed(step):
        signal.raise_signal(signal.SIGINT)
        return linear.feed(step)

    try:
        state = Run(tmp_path, progress=False).fit('main', linear.METHOD, feed, 3)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert state.step == 3


def test_a_thread_sets_no_handlers(linear, tmp_path):
    found = []

    def work():
        run = Run(tmp_path, progress=False)
        found.append(run.fit('main', linear.METHOD, linear.feed, 3))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0].step == 3


class Crash(Exception):
    pass


def crashing(linear, at):
    def feed(step):
        if step == at:
            raise Crash
        return linear.feed(step)

    return feed


def test_cadence_may_change(linear, same_bits, whole, tmp_path):
    run = Run(tmp_path, **linear.CADENCE, progress=False)
    with pytest.raises(Crash):
        run.fit(
            'main', linear.METHOD, crashing(linear, 19), linear.STEPS,
            evaluate=linear.evaluate,
        )  # fmt: skip
    run = Run(tmp_path, log_every=7, eval_every=5, checkpoint_every=9, progress=False)
    state = run.fit(
        'main', linear.METHOD, linear.feed, linear.STEPS, evaluate=linear.evaluate
    )
    rows = writers.rows(tmp_path / 'metrics.jsonl')
    assert [row['step'] for row in rows] == [4, 6, 8, 14, 15, 20, 21, 25, 28, 30]
    same_bits(state, whole[1])


def test_damaged_checkpoint_is_skipped(linear, same_bits, whole, tmp_path):
    folder = tmp_path / 'run'
    shutil.copytree(whole[0], folder)
    files = (folder / 'checkpoints/30').glob('**/d/*')
    array = max(files, key=lambda file: file.stat().st_size)
    array.write_bytes(array.read_bytes()[:-1])
    run = Run(folder, **linear.CADENCE, progress=False)
    found = r'checkpoints/30 is skipped: .*\. Using .*checkpoints/20\.'
    with pytest.warns(UserWarning, match=found):
        state = run.fit(
            'main', linear.METHOD, linear.feed, linear.STEPS, evaluate=linear.evaluate
        )
    same_bits(state, whole[1])
    metrics = (folder / 'metrics.jsonl').read_bytes()
    assert metrics == (whole[0] / 'metrics.jsonl').read_bytes()


def test_damaged_checkpoint_does_not_count(linear, tmp_path):
    def fit(every, at):
        run = Run(tmp_path, checkpoint_every=every, progress=False)
        with pytest.raises(Crash):
            run.fit('main', linear.METHOD, crashing(linear, at), linear.STEPS)
        return [int(f.name) for f in (tmp_path / 'checkpoints').glob('[0-9]*')]

    assert sorted(fit(10, 25)) == [10, 20]
    (tmp_path / 'checkpoints/20/checkpoint.json').unlink()
    with pytest.warns(UserWarning, match='20 is skipped'):
        assert sorted(fit(7, 16)) == [10, 14]
    assert sorted(fit(7, 20)) == [10, 14]


def test_without_a_whole_checkpoint_it_starts_anew(linear, same_bits, whole, tmp_path):
    folder = tmp_path / 'run'
    shutil.copytree(whole[0], folder)
    for file in (folder / 'checkpoints').glob('*0/**/manifest.ocdbt'):
        file.unlink()
    run = Run(folder, **linear.CADENCE, progress=False)
    with pytest.warns(UserWarning, match='30 is skipped.* starting from the begin'):
        state = run.fit(
            'main', linear.METHOD, linear.feed, linear.STEPS, evaluate=linear.evaluate
        )
    same_bits(state, whole[1])
    metrics = (folder / 'metrics.jsonl').read_bytes()
    assert metrics == (whole[0] / 'metrics.jsonl').read_bytes()


def test_damaged_frozen_is_taken_from_the_method(linear, same_bits, whole, tmp_path):
    folder = tmp_path / 'run'
    shutil.copytree(whole[0], folder)
    shutil.rmtree(folder / 'checkpoints/frozen/arrays')
    for text in ('frozen is skipped', None):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            state = Run(folder).fit('main', linear.METHOD, linear.feed, linear.STEPS)
        assert [text in str(w.message) for w in caught] == [True] * bool(text)
        same_bits(state, whole[1])


def test_another_fit_is_refused(linear, whole, tmp_path):
    folder = tmp_path / 'run'
    shutil.copytree(whole[0], folder)

    def fit(seed=0, method=None, steps=linear.STEPS, **arguments):
        run = Run(folder, seed=seed)
        method = method or linear.METHOD
        run.fit('main', method, linear.feed, steps, **arguments)

    with pytest.raises(InputError, match='steps was 30 and is now 31'):
        fit(steps=31)
    with pytest.raises(InputError, match='seed was 0 and is now 1'):
        fit(seed=1)
    with pytest.raises(InputError, match='keep was last and is now best'):
        fit(keep='best', evaluate=linear.evaluate)
    with pytest.raises(
        InputError, match=r"\['w'\] was float32\[3\] and is now float32\[4\]"
    ):
        fit(method=linear.method(width=4))
    # A fit that saved nothing binds nobody.
    shutil.rmtree(folder / 'checkpoints')
    fit(steps=2)
