"""Scores of predicted masks, case by case."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.answers import names_of
from ssljax import tasks
from ssljax.contracts import Task


def scored(task: Task, found: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the scores {name: [n, C - 1]} of cases, NaN where there is none.

    Args:
      task: of segmentation.
      found: 'answer', the prediction of n cases, and the fields of their examples.
    """
    example = {name: found[name] for name in task.example}
    rows = jax.device_get(
        {name: x.rows(found['answer'], example) for name, x in task.metrics.items()}
    )
    scores = tasks.overlaps(rows['overlap'])
    if 'surfaces' in rows:
        classes = found['answer'].shape[-1]
        scores |= tasks.distances(rows['surfaces'], classes)
    return {name: x for name, x in scores.items() if name != 'one_empty'}


def table(
    path: Path, found: Mapping[str, Mapping[str, Any]], classes: Sequence[str]
) -> None:
    """Writes a line for each set of weights, case and class but the background.

    Args:
      path: of the .csv.
      found: by set of weights, with 'scores' as ``scored`` gives them, 'name' [n], and
        'spacing' where distances are in mm, else they are in sites.
      classes: their names, with the background.
    """
    first = next(iter(found.values()))
    names = names_of(classes, first['scores']['dice'].shape[1] + 1)
    unit = 'mm' if 'spacing' in first else 'sites'
    heads = [
        name if name in ('dice', 'jaccard') else f'{name} in {unit}'
        for name in first['scores']
    ]
    with open(path, 'w', newline='') as file:
        lines = csv.writer(file)
        lines.writerow(['weights', 'case', 'class', *heads])
        for who, rows in found.items():
            for case, name in enumerate(rows['name']):
                for c, label in enumerate(names[1:]):
                    scores = [x[case, c] for x in rows['scores'].values()]
                    cells = ['' if np.isnan(x) else f'{x:.4f}' for x in scores]
                    lines.writerow([who, name, label, *cells])
