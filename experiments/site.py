"""Builds the documentation as a static site: README, the pages, and the API.

    python -m experiments.site

writes ``runs/site``, which any web server can publish; ``index.html`` is the README.
Every file of the repository that a page links to comes along, so that no link leads
nowhere; the API pages are made of the docstrings by pdoc. Needs the extra ``docs``.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import textwrap
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from absl import flags

from experiments import launch
from ssljax.contracts import InputError

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / 'experiments' / 'docs' / 'templates'
START = 'README.md'
PAGES = (
    'choose_a_method',
    'results',
    'teachers',
    'target_rules',
    'views',
    'tasks',
    'sharding',
    'restart',
    'own_method',
)
"""In the order in which they are read."""
SOURCES = ('.py', '.toml', '.txt', '')
"""What is shown as text; '' is LICENSE."""

_OUT = flags.DEFINE_string('out', 'runs/site', 'The folder to write.')
_MODULES = flags.DEFINE_list('modules', None, 'Of the API; default all.')


def main() -> None:
    """Runs what the flags say."""
    if not (ROOT / START).exists():
        raise InputError('The site is built of a clone, with its README; make one.')
    build(Path(_OUT.value), _MODULES.value or every_module())
    print(f'Open {_OUT.value}/index.html')


def build(out: Path, modules: Sequence[str]) -> None:
    """Writes the site.

    Args:
      out: the folder; what is in it stays, unless it has the same name.
      modules: of the API.

    Raises:
      InputError: if pdoc is not installed.
    """
    try:
        import pdoc
    except ImportError:
        raise InputError("pdoc is missing: pip install 'ssljax[docs]'.") from None
    pdoc.render.configure(docformat='google', math=True, template_directory=TEMPLATES)
    fencing = _fencing(pdoc.docstrings.convert)
    with mock.patch.object(pdoc.docstrings, 'convert', fencing):
        with warnings.catch_warnings():
            # A NamedTuple's constructor is looked up in typing's module, in vain.
            warnings.filterwarnings('ignore', 'Error parsing type annotation')
            # A package brings the modules of its __all__ itself; the others are named.
            warnings.filterwarnings('ignore', 'The module specification .* already')
            pdoc.pdoc(*modules, output_directory=out)
    (out / 'index.html').replace(out / 'api.html')
    waiting, seen = [START, *(f'experiments/docs/{name}.md' for name in PAGES)], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        goal = out / address(path)
        goal.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).suffix in ('.md', *SOURCES):
            text = (ROOT / path).read_text()
            goal.write_text(rendered(path, text))
            waiting += linked(path, text)
        else:
            shutil.copyfile(ROOT / path, goal)


def every_module() -> list[str]:
    """Returns the names of the package's modules, packages among them."""
    files = sorted((ROOT / 'ssljax').rglob('*.py'))
    paths = [file.relative_to(ROOT).with_suffix('') for file in files]
    return ['.'.join(path.parts).removesuffix('.__init__') for path in paths]


def address(path: str) -> str:
    """Returns where the site has a file of the repository."""
    if path == START:
        return 'index.html'
    if path.startswith('ssljax/'):  # the API's own page of it
        return path.removesuffix('/__init__.py').removesuffix('.py') + '.html'
    if path.endswith('.md'):
        return path.removesuffix('.md') + '.html'
    return f'{path}.html' if Path(path).suffix in SOURCES else path


def linked(path: str, text: str) -> list[str]:
    """Returns the files of the repository that a page links to, without the API's."""
    if not path.endswith('.md'):
        return []
    goals = [_goal(path, link) for link in re.findall(r'\]\(([^)\s]+)\)', text)]
    return [goal for goal in goals if goal and not goal.startswith('ssljax/')]


def rendered(path: str, text: str) -> str:
    """Returns the page of a file, HTML."""
    from pdoc import render, render_helpers

    here = os.path.dirname(address(path))

    def moved(found: re.Match[str]) -> str:
        goal, part = _goal(path, found[1]), found[1].partition('#')[2]
        if goal is None:
            return found[0]
        link = os.path.relpath(address(goal), here or '.')
        return f']({link}{"#" + part if part else ""})'

    if path.endswith('.md'):
        text = re.sub(r'<!--.*?-->\n?', '', text)
        text = re.sub(r'\]\(([^)\s]+)\)', moved, text)
    else:
        kind = 'python' if path.endswith('.py') else 'text'
        text = f'# {path}\n\n```{kind}\n{text}\n```'
    title = re.search('^# (.*)', text, re.M)
    pages = [('Start', 'index.html')]
    pages += [
        (name.replace('_', ' ').capitalize(), f'experiments/docs/{name}.html')
        for name in PAGES
    ]
    pages += [('API', 'api.html')]
    page = render.env.get_template('page.html.jinja2')
    return page.render(
        title=html.escape(title[1] if title else path),
        pages=pages,
        root=os.path.relpath('.', here or '.') + '/',
        body=render_helpers.to_html(text),
    )


def _fencing(convert: Callable[..., str]) -> Callable[..., str]:
    """Makes pdoc see the blocks after '::' and the tables of reStructuredText."""

    def fenced(found: re.Match[str]) -> str:
        before, code = found[1].rstrip(), textwrap.dedent(found[2]).strip('\n')
        return f'{before}{":" * bool(before)}\n\n```python\n{code}\n```\n\n'

    def tabled(found: re.Match[str]) -> str:
        return f'```text\n{found[0].replace("``", "")}\n```'

    def converted(docstring: str, *args: Any) -> str:
        text = re.sub(r'^(.*)::\n\n((?: +.*\n?|\n)+)', fenced, docstring, flags=re.M)
        text = re.sub(r'(?sm)^=+ =.*?^=+ =+$', tabled, text)
        return convert(text, *args)

    return converted


def _goal(path: str, link: str) -> str | None:
    """The file of the repository that a link of a page means; None for all others."""
    name = link.partition('#')[0]
    if '://' in link or not name:
        return None
    goal = os.path.normpath(os.path.join(os.path.dirname(path), name))
    return goal if (ROOT / goal).is_file() else None


if __name__ == '__main__':
    launch.run(main)
