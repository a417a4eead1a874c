"""What holds for the whole package: light imports, layers, sizes, README, catalogue."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.methods import catalogue
from ssljax.methods.systems import SYSTEMS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / 'README.md').read_text()

PARTS = {'losses', 'teachers', 'targets', 'views'}
LIGHT = {'ssljax', 'contracts', 'schedules', 'shards', 'solvers', *PARTS}
MODELLED = LIGHT | {'tasks', 'models', 'methods'}
MAY_IMPORT = {  # folder or file of ssljax -> those that it may import
    'ssljax': LIGHT,
    'contracts': set(),
    'schedules': {'contracts'},
    'shards': {'contracts'},
    'solvers': {'contracts', 'shards', 'solvers'},
    **{part: LIGHT for part in PARTS},
    'tasks': LIGHT | {'tasks'},
    'models': LIGHT | {'models'},
    'methods': MODELLED,
    'data': LIGHT | {'data'},
    'train': LIGHT | {'train'},
    'programs': MODELLED | {'data', 'train', 'programs'},
}
LIGHT_OUTSIDE = {'jax', 'optax', 'numpy'}

# In a fresh interpreter: what the light parts load, define and start.
PROBE = """
import json, sys
import jax, optax, numpy
before = set(sys.modules)
import ssljax
from ssljax import losses, schedules, targets, teachers, views
for part in losses, schedules, targets, teachers, views:
    for name in dir(part):
        getattr(part, name)
loaded = {name.partition('.')[0] for name in set(sys.modules) - before}
from absl import flags
defined = flags.FLAGS.flags_by_module_dict()
jax.config.update('jax_num_cpu_devices', 3)  # raises once a backend has started
print(json.dumps({
    'loaded': sorted(loaded - set(sys.stdlib_module_names)),
    'flags': [name for name in defined if name.startswith('ssljax')],
    'devices': jax.device_count(),
}))
"""


def test_light_parts_load_nothing_define_nothing_start_nothing():
    run = subprocess.run(
        [sys.executable, '-c', PROBE], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {'loaded': ['ssljax'], 'flags': [], 'devices': 3}


def _layer(path):
    """The folder or file right under ssljax that a source file belongs to."""
    first = path.relative_to(ROOT / 'ssljax').parts[0].removesuffix('.py')
    return 'ssljax' if first == '__init__' else first


def _imports(path):
    """Absolute names of all that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: imports are absolute in this project'
            yield from (f'{node.module}.{name.name}' for name in node.names)


SOURCES = sorted((ROOT / 'ssljax').rglob('*.py'))


@pytest.mark.parametrize('path', SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path):
    layer = _layer(path)
    names = [name.split('.') for name in _imports(path)]
    inside = {parts[1] for parts in names if parts[0] == 'ssljax' and len(parts) > 1}
    # 'from ssljax import losses' and 'from ssljax.losses import x' name a layer alike.
    assert inside <= MAY_IMPORT[layer], f'{layer} imports {inside - MAY_IMPORT[layer]}'
    outside = {parts[0] for parts in names} - sys.stdlib_module_names - {'ssljax'}
    assert not outside & {'torch', 'tensorflow', 'experiments', 'tests'}
    if layer in LIGHT:
        assert outside <= ({'jax'} if layer == 'contracts' else LIGHT_OUTSIDE)
    # Flags are global: a library that defines one breaks its user's command line.
    assert 'flags.DEFINE' not in path.read_text()


def test_files_hold_one_idea():
    sources = [*SOURCES, *(ROOT / 'experiments').rglob('*.py')]
    lines = {str(p.relative_to(ROOT)): p.read_text().count('\n') for p in sources}
    assert not {path: n for path, n in lines.items() if n > 500}


def _block(marker, text=README):
    """The fenced block of README that follows ``<!-- marker -->``."""
    found = re.search(rf'<!-- {marker} -->\s*```\w*\n(.*?)```', text, re.DOTALL)
    assert found, f'README has no block marked {marker}'
    return found[1]


def test_readme_has_the_catalogue():
    table = README.split('<!-- catalogue -->\n')[1].split('\n<!-- /catalogue -->')[0]
    assert table == catalogue.markdown(), (
        'put the output of python -m ssljax.methods.catalogue between the markers'
    )


def _batches(steps, labelled=20, unlabelled=60):
    """Ten noisy points of 64 coordinates; the strong view has the most noise."""
    noise = np.random.default_rng(0)
    centres = noise.normal(size=(10, 64)).astype(np.float32)

    def near(ids, scale):
        return centres[ids] + scale * noise.normal(size=(len(ids), 64)).astype('f')

    for _ in range(steps):
        label, hidden = (
            noise.integers(0, 10, labelled),
            noise.integers(0, 10, unlabelled),
        )
        yield {
            'image': near(label, 0.5),
            'label': label,
            'weak': near(hidden, 0.5),
            'strong': near(hidden, 1.0),
            'truth': hidden,
        }


def test_readme_example_runs_and_learns():
    example = _block('example')
    assert len([line for line in example.splitlines() if line]) <= 18
    *batches, fresh = _batches(201)
    names = {'batches': batches}
    exec(compile(example, 'README.md', 'exec'), names)
    slow, gradient = names['slow'], names['gradient']
    answers = np.argmax(fresh['weak'] @ names['teacher'].variables(slow), axis=-1)
    assert np.mean(answers == fresh['truth']) > 0.9
    # Confident rows teach: without the strong view the gradient is another one.
    blank = fresh | {'strong': np.zeros_like(fresh['strong'])}
    seen, unseen = (gradient(names['w'], slow, b, 200) for b in (fresh, blank))
    assert np.abs(seen - unseen).max() > 1e-3


@pytest.mark.parametrize(
    'name, module', [('train', 'experiments.train'), ('test', 'pytest')]
)
def test_readme_commands_need_no_more_than_python(name, module):
    command = _block(f'command: {name}')
    assert command.startswith('python3 -m venv .venv && .venv/bin/pip install ')
    assert f'.venv/bin/python -m {module}' in command


def test_catalogue_is_in_order():
    assert list(SYSTEMS) == list(range(1, 101))
    assert len({title for title, _ in SYSTEMS.values()}) == 100
    assert len({row.name for row in catalogue.ROWS}) == len(catalogue.ROWS)


@pytest.mark.parametrize('row', catalogue.ROWS, ids=lambda row: row.name)
def test_row_says_what_is_there(row):
    assert row.level in catalogue.LEVELS
    assert row.system is None or row.system in SYSTEMS
    assert catalogue.find(row.name) is row
    if row.level == 'planned':
        return
    assert callable(catalogue.resolve(row.build))
    assert callable(catalogue.resolve(row.program))
    module = row.program.partition(':')[0]  # the other commands ask it what answers
    assert callable(catalogue.resolve(f'{module}:restored'))
    header = ast.get_docstring(ast.parse((ROOT / row.config).read_text())) or ''
    for word in f'--config={row.config}', 'Time:', 'Score:':
        assert word in header, f'{row.config}: its docstring has no {word}'


@pytest.mark.parametrize('system', catalogue.NO_METHOD)
def test_what_is_no_method_says_what_proves_it(system):
    file, level = catalogue.NO_METHOD[system]
    assert level in catalogue.LEVELS
    assert system not in {row.system for row in catalogue.ROWS}
    assert 'python -m' in ast.get_docstring(ast.parse((ROOT / file).read_text()))


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(InputError, match="'fixmach'.*did you mean 'fixmatch'"):
        catalogue.find('fixmach')
    with pytest.raises(InputError, match='supervised, '):
        catalogue.find('zzz')
    with pytest.raises(InputError, match="'module:function'"):
        catalogue.resolve('ssljax.contracts')
    with pytest.raises(InputError, match="'module:function'"):
        catalogue.resolve('ssljax.contracts:nothing')
