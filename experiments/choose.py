"""Puts what was measured into the page "choose a method".

    python -m experiments.choose

The tables between the markers of ``experiments/docs/choose_a_method.md`` are made of
``experiments/results``: gains over the same labels alone, and what a step costs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.tables import Estimate
from ssljax.methods import catalogue

HERE = Path(__file__).parent
PAGE = HERE / 'docs' / 'choose_a_method.md'
RESULTS = HERE / 'results'
MARKS = ('<!-- measured -->', '<!-- /measured -->')

CLASSES = {
    'digits, 10': ('digits_10',),
    'digits, 40': ('digits', 'digits_40'),  # the same protocol: the first that has it
    'Fashion-MNIST, 40': ('fashion_mnist',),
    'AG News, 160': ('agnews',),
    'ESC-10, 30': ('esc10_folds',),
    'MIT-BIH, 30': ('mitbih',),
    'CIFAR-10, 400': ('cifar10',),
}
"""Data and labels, and the folders that compare methods on them."""
POINTS = {
    'clips, 10 labels': 'clips',
    'faces, 169 labels': 'faces_5',
    'faces, 338 labels': 'faces_10',
}
"""The same of landmarks."""
MASKS = {
    'left atrium, 1 scan': 'left_atrium_1',
    'left atrium, 4 scans': 'left_atrium',
    'hippocampus, 2 volumes': 'hippocampus_2',
    'hippocampus, 6 volumes': 'hippocampus',
}
"""The same of masks."""
LESSONS = {
    '40 labels': 'digits_distillation',
    'all 1097': 'digits_distillation_full',
}
"""What a network that knows all labels of the digits teaches a narrower one."""
TRACED = 'cifar10/wrn_28_2'
"""The network whose steps are counted."""
OTHERWISE = {  # labels of rows that are not the title of a row of the catalogue
    'FixMatch, aligned': 'fixmatch_aligned',
    'FixMatch, MixUp': 'fixmatch_mixup',
    'FST': 'fst',
    'adversarial': 'adversarial',
    'two-update': 'two_update',
    'SBR': 'sbr',
    'BCP': 'bcp',
    'CPS': 'cps',
    'MultiAugs, two paths': 'multiaugs',
}


def main() -> None:
    """Rewrites the page."""
    PAGE.write_text(page(PAGE.read_text(), measured()))


def page(text: str, found: str) -> str:
    """Returns the page with what is between its markers replaced."""
    first, last = MARKS
    return re.sub(
        f'{first}.*{last}', lambda _: f'{first}\n{found}\n{last}', text, flags=re.S
    )


def measured() -> str:
    """Returns the tables, markdown."""
    gains = {name: gains_of(folders) for name, folders in CLASSES.items()}
    points = {name: gains_of((folder,)) for name, folder in POINTS.items()}
    masks = {name: gains_of((folder,)) for name, folder in MASKS.items()}
    return '\n\n'.join(
        [
            'Percentage points of test accuracy above the same labels alone, by number '
            'of labels; ± is the 95 % interval over seeds, bold what lies outside it.',
            _gains(gains, best=1),
            'The error of landmarks (NME, %) against the same labels alone: the lower '
            'the better.',
            _gains(points, best=-1),
            'The overlap of masks (Dice, %) against the same masks alone: the higher '
            'the better.',
            _gains(masks, best=1),
            'A wide network that knows all labels of the digits teaches a narrow one, '
            'which has 40 and the other images, or all: points above its labels alone.',
            _lessons(),
            'What a step takes against one of labels alone, WRN-28-2 on CIFAR-10 with '
            '64 labelled rows and as many others as the configuration says: operations '
            'as traced, and the bytes of activations.',
            _costs(),
        ]
    )


def gains_of(folders: tuple[str, ...]) -> dict[str, Estimate]:
    """Returns the gain of each method over the labels alone, by its catalogue name."""
    found: dict[str, Estimate] = {}
    for folder in folders:
        for row in _read(folder)['rows']:
            name = _names().get(row['label'])
            if name and row['difference'] and name not in found:
                found[name] = Estimate(**row['difference'])
    return found


def _gains(columns: Mapping[str, Mapping[str, Estimate]], *, best: int) -> str:
    """A table, a method a row: first what gains most where it was tried."""
    known = {name for column in columns.values() for name in column}
    first = next(iter(columns.values()))

    def order(name: str) -> tuple[bool, float, str]:
        gains = [column[name].mean for column in columns.values() if name in column]
        mean = first[name].mean if name in first else sum(gains) / len(gains)
        return name not in first, -best * mean, name

    rows = [
        [_title(name), *(_cell(column.get(name), best) for column in columns.values())]
        for name in sorted(known, key=order)
    ]
    return _table(['method', *columns], rows)


def _cell(found: Estimate | None, best: int = 1) -> str:
    """A gain with its interval, bold if it is one beyond it."""
    if found is None:
        return ''
    text = f'{100 * found.mean:+.1f}'
    if found.half is None:
        return text
    text += f' ± {100 * found.half:.1f}'
    return f'**{text}**' if best * found.mean > found.half else text


def _lessons() -> str:
    found: dict[str, dict[str, Estimate]] = {}
    for name, folder in LESSONS.items():
        for row in _read(folder)['rows']:
            if row['difference']:
                gain = Estimate(**row['difference'])
                found.setdefault(row['label'], {})[name] = gain
    first = next(iter(LESSONS))
    order = sorted(found.items(), key=lambda one: -one[1][first].mean)
    rows = [[label, *(_cell(x.get(name)) for name in LESSONS)] for label, x in order]
    return _table(['lesson', *LESSONS], rows)


def _costs() -> str:
    text = (RESULTS / 'traced.json').read_text()
    found = [row for row in json.loads(text)['rows'] if row['config'] == TRACED]
    alone = next(row for row in found if row['method'] == 'supervised')
    rows = [
        [
            _title(row['method']),
            str(row['batch'].get('unlabelled', 0)),
            f'{row["flops"] / alone["flops"]:.1f}',
            f'{row["activation_bytes"] / alone["activation_bytes"]:.1f}',
        ]
        for row in sorted(found, key=lambda row: row['flops'])
    ]
    return _table(['method', 'unlabelled rows', 'operations', 'activations'], rows)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ['---', *['--:'] * (len(heads) - 1)], *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _names() -> dict[str, str]:
    """Catalogue names by what tables call them."""
    return {row.title: row.name for row in catalogue.ROWS} | OTHERWISE


def _title(name: str) -> str:
    return catalogue.find(name).title


def _read(folder: str) -> dict[str, Any]:
    return json.loads((RESULTS / folder / 'results.json').read_text())


if __name__ == '__main__':
    main()
