"""The notebooks run as they are, at small size, on one device and on eight."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / 'experiments' / 'notebooks'
BOOKS = sorted(FOLDER.glob('*.ipynb'))
EXECUTE = 'from nbclient.cli import main; main()'


def code(book):
    return [
        c for c in json.loads(book.read_text())['cells'] if c['cell_type'] == 'code'
    ]


@pytest.mark.parametrize('devices', [1, 8])
@pytest.mark.parametrize('book', BOOKS, ids=lambda book: book.stem)
def test_runs(book, devices, compiled, tmp_path):
    for library in 'nbclient', 'ipykernel':
        pytest.importorskip(library, reason='comes with the extra "notebooks"')
    copy = Path(shutil.copy(book, tmp_path))
    own = {
        'SSLJAX_NOTEBOOK': 'small',
        'JAX_NUM_CPU_DEVICES': str(devices),
        'JAX_COMPILATION_CACHE_DIR': str(compiled),
        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
        'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '0',
        # Nothing is read from the user's settings, nor left there.
        'IPYTHONDIR': str(tmp_path / 'ipython'),
        'JUPYTER_CONFIG_DIR': str(tmp_path / 'jupyter'),
        'JUPYTER_RUNTIME_DIR': str(tmp_path / 'jupyter'),
    }
    done = subprocess.run(
        [sys.executable, '-c', EXECUTE, '--inplace', '--timeout=600', copy],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    first, *others = code(copy)
    told = ''.join(first['outputs'][0]['text'])
    assert told.count('CpuDevice') == devices
    assert any(cell['outputs'] for cell in others)


def test_all_begin_alike():
    assert len(BOOKS) == 4
    assert len({''.join(code(book)[0]['source']) for book in BOOKS}) == 1


@pytest.mark.parametrize('book', BOOKS, ids=lambda book: book.stem)
def test_has_no_outputs(book):
    for cell in code(book):
        assert cell['outputs'] == [] and cell['execution_count'] is None
