"""The pages: their code runs, their commands exist, their links lead somewhere."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from absl import flags

from experiments import choose, launch

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'experiments' / 'docs'
PAGES = sorted(FOLDER.glob('*.md'))
README = ROOT / 'README.md'
OF_MINE = FOLDER / 'own_method.md'


def blocks(page, language):
    return re.findall(rf'^```{language}\n(.*?)^```', page.read_text(), re.S | re.M)


def name(page):
    return page.stem


@pytest.mark.parametrize('page', [p for p in PAGES if blocks(p, 'python')], ids=name)
def test_code_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {'__name__': page.stem}
    for code in blocks(page, 'python'):
        exec(compile(code, page.name, 'exec'), names)


@pytest.mark.parametrize('page', [README, *PAGES], ids=name)
def test_commands_parse(page, command, monkeypatch):
    """Flags, configurations and their fields are read; nothing is trained."""

    def parse(main, *, config=None):
        usual = [f'--config={config}'] if config and not launch.given('config') else []
        launch.read(flags.FLAGS, [*sys.argv, *usual])
        raise SystemExit(0)

    monkeypatch.setattr(launch, 'run', parse)
    lines = [x for code in blocks(page, 'bash') for x in code.splitlines()]
    for line in lines:
        if found := re.match(r'python -m experiments\.(\S+) (.*)', line):
            code, _, err = command(found[1], *shlex.split(found[2]))
            assert code == 0, f'{line}: {err}'


@pytest.mark.parametrize('page', [README, *PAGES], ids=name)
def test_links_lead_somewhere(page):
    links = re.findall(r'\]\(([^)#\s]*)(#[\w-]*)?\)', page.read_text())
    for path, part in links:
        if '://' in path:
            continue
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f'{page.name} links to {path}'
        if part:
            heads = re.findall(r'^#+ (.*)', goal.read_text(), re.M)
            assert part[1:] in {re.sub(r'\W+', '-', head.lower()) for head in heads}


def test_what_was_measured_is_up_to_date():
    text = choose.PAGE.read_text()
    assert text == choose.page(text, choose.measured()), (
        'python -m experiments.choose puts new results into the page'
    )


def test_the_example_is_the_file():
    (code,) = blocks(OF_MINE, 'python')
    assert code == (ROOT / 'experiments' / 'examples' / 'agree.py').read_text()
