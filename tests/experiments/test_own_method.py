"""A method of the user's own file: trained, answered, reported; and what is refused."""

import json
import shutil
import subprocess
import sys

import pytest

EXAMPLE = 'experiments/examples/agree.py'


@pytest.fixture
def mine(root, tmp_path):
    """The example as a file of the user's, outside of the package."""
    path = tmp_path / 'mine.py'
    shutil.copy(root / EXAMPLE, path)
    return path


def test_the_example_is_short(root):
    assert len((root / EXAMPLE).read_text().splitlines()) <= 60


def test_a_file_is_trained_answered_and_reported(
    command, refused, tiny, mine, tmp_path
):
    method, work = f'--method={mine}:agree', f'--workdir={tmp_path / "job"}'
    code, out, err = command('train', *tiny, method, work)
    assert code == 0 and f'{mine}:agree on digits' in out, err
    summary = json.loads((tmp_path / 'job' / 'summary.json').read_text())
    assert {'test_accuracy_student', 'test_accuracy_teacher'} <= set(summary)
    assert isinstance(summary['findings'], list)
    row = json.loads((tmp_path / 'job' / 'metrics.jsonl').read_text().splitlines()[-1])
    assert 'targets/highest_confidence' in row and 'teacher/distance' in row
    assert row['loss/consistency'] >= 0

    page = tmp_path / 'report.html'
    code, out, err = command('report', work, method, f'--out={page}')
    assert code == 0, err
    text = page.read_text()
    assert f'--method={mine}:agree' in text and 'can not be shown' not in text

    # A workdir may be a stranger's: alone it runs no file.
    said = refused('evaluate', work)
    assert 'is code; if you trust it, say --method=' in said
    code, out, err = command('report', work, f'--out={page}')
    assert code == 0 and 'say --method=' in page.read_text(), err
    code, out, err = command('evaluate', work, method)
    assert code == 0, err
    assert json.loads(out)['test_accuracy'] == pytest.approx(summary['test_accuracy'])


def test_the_battery_tries_a_file(root, mine):
    battery = ['tests/methods/test_battery.py', f'--method={mine}:agree']
    run = subprocess.run(
        [sys.executable, '-m', 'pytest', *battery, '-q', '-k', 'tpu or taught']
        + ['-p', 'no:cacheprovider'],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0 and '2 passed' in run.stdout, run.stdout


SHAPES = """
def good(network, optimizer, *, num_classes): return 3
def greedy(network, optimizer, radius, num_classes): pass
def still(network, num_classes): pass
number = 3
"""


@pytest.mark.parametrize(
    'method, sentence',
    [
        ('nowhere.py:good', 'there is no file nowhere.py'),
        ('{}:goood', "defines no function 'goood'; did you mean 'good'?"),
        ('{}:number', "defines no function 'number'"),
        ('{}', "give a file as 'path.py:name'"),
        ('{}:a b', "give a file as 'path.py:name'"),
        ('{}:good', 'good returned a int; a builder returns a ssljax.contracts.Method'),
        ('{}:greedy', 'greedy asks for radius, which neither the data nor'),
        ('{}:still', 'still takes no optimizer; a method is built by (network, opt'),
    ],
)
def test_refusals(refused, tmp_path, method, sentence):
    path = tmp_path / 'shapes.py'
    path.write_text(SHAPES)
    work = f'--workdir={tmp_path / "job"}'
    assert sentence in refused('train', f'--method={method.format(path)}', work)


def test_arguments_of_the_method_that_is_replaced_are_refused(refused, mine, tmp_path):
    flags = [f'--method={mine}:agree', '--config.args.threshold=0.5']
    said = refused('train', *flags, f'--workdir={tmp_path / "job"}')
    assert 'config.args.threshold belongs to fixmatch' in said
