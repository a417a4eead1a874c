"""What a job's network answers, for its report: scored rows, pseudo-labels, views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import answers, build, drawings, masks
from experiments.report_read import Told
from ssljax.contracts import Method, State, Stream
from ssljax.data import collate
from ssljax.programs.job import Job
from ssljax.train import likeness
from ssljax.train.diagnosis import Finding
from ssljax.views import prepare

MOST = 2000
"""Rows of a kind that are answered; of more, the same draw for every job."""
PAIRS = 4
"""Unlabelled examples whose views are shown."""
NOBODY = np.zeros((0, 0))
BINS = 15
"""Of confidence, in the reliability diagram."""


class Seen(NamedTuple):
    """What a job answers."""

    kind: str  # 'classes', 'landmarks', 'counts', 'masks', or '' for none to draw
    part: str  # 'test' or 'validation'
    ship: str  # the weights that it ships
    found: Mapping[str, Mapping[str, Any]]  # drawings.answered, by set of weights
    classes: list[str]
    pseudo: Mapping[str, np.ndarray]  # of unlabelled rows: 'probs' [n, C], 'label' [n]
    pairs: Mapping[str, np.ndarray]  # by view: images [PAIRS, H, W, channels]
    pair_probs: np.ndarray  # of the first of them, [PAIRS, C]
    finding: Finding | None  # of the sets


class Bins(NamedTuple):
    """Confidence against accuracy."""

    rows: np.ndarray  # [BINS], how many
    confidence: np.ndarray  # mean in each, NaN of none
    accuracy: np.ndarray
    ece: float  # the mean distance of the two, by count


def look(told: Told, methods: Sequence[str] = ()) -> Seen:
    """Answers rows of a job by its last checkpoint.

    Args:
      told: the job.
      methods: of files, which may be run.

    Raises:
      InputError: if there is no checkpoint, or the data are not those of the job.
    """
    said = told.config.method if told.config.method in methods else None
    job, method, state = build.trained(told.folder, scored=True, method=said)
    part = 'test' if len(job.data.rows.get('test', ())) else 'validation'
    rows = drawn(job.data.rows.get(part, np.array([], int)))
    of_classes, teaches = 'accuracy' in job.task.metrics, teaching(method)
    pools = pools_of(job, method) if of_classes else {}
    found: dict[str, dict[str, Any]] = {}
    pool: dict[str, dict[str, Any]] = {}
    for who in method.answers if len(rows) else ():
        asked = {part: rows, **(pools if who == teaches else {})}
        answer = in_one(job, method, state, who, asked)
        found[who] = {**answer.pop(part), 'row': rows}
        pool |= answer
    kind = kind_of(job, found.get(method.ship, {}).get('answer'))
    if kind == 'masks':
        for one in found.values():
            one['scores'] = masks.scored(job.task, one)
    pairs, probs = views_of(job, method, state) if of_classes else ({}, NOBODY)
    return Seen(
        kind,
        part,
        method.ship,
        found,
        answers.names_of(job.data.classes, job.data.num_classes),
        pseudo_of(pool),
        pairs,
        probs,
        compared(pool),
    )


def teaching(method: Method) -> str:
    """Returns the weights that answer unlabelled rows as the step does."""
    return 'teacher' if 'teacher' in method.answers else method.ship


def pools_of(job: Job, method: Method) -> dict[str, np.ndarray]:
    """Returns rows that were trained on, without labels and with them."""
    known = job.data.rows['labelled']
    rows = drawn(np.setdiff1d(job.data.rows.get('unlabelled', known), known))
    if not len(rows) or 'unlabelled' not in method.needs:
        return {}
    return {'unlabelled': rows, 'labelled': drawn(known)}


def in_one(
    job: Job,
    method: Method,
    state: State,
    who: str,
    parts: Mapping[str, np.ndarray],
) -> dict[str, dict[str, Any]]:
    """Answers several parts, compiled once; see ``drawings.answered``."""
    if len(parts) == 1:  # of clips, there are frames instead of rows
        ((name, rows),) = parts.items()
        return {name: drawings.answered(job, method, state, who, rows)}
    rows = np.concatenate(list(parts.values()))
    whole = drawings.answered(job, method, state, who, rows)
    found, first = {}, 0
    for name, own in parts.items():
        place = slice(first, first + len(own))
        found[name] = jax.tree.map(lambda x, place=place: x[place], whole)
        first += len(own)
    return found


def pseudo_of(pool: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Returns {'probs': [n, C], 'label': [n]} of unlabelled rows, -1 for unknown."""
    if 'unlabelled' not in pool:
        return {}
    found = pool['unlabelled']
    return {'probs': found['answer'], 'label': found['label']}


def compared(pool: Mapping[str, Mapping[str, Any]]) -> Finding | None:
    """Says if the features of the two sets of rows are unlike."""
    if 'features' not in pool.get('unlabelled', {}):
        return None
    sets = (pool[name]['features'] for name in ('labelled', 'unlabelled'))
    return likeness.unlike(*sets)


def kind_of(job: Job, answer: Any) -> str:
    """Says how the answers of a job are drawn."""
    if answer is None:
        return ''
    if 'nme' in job.task.metrics:
        return 'landmarks'
    if 'overlap' in job.task.metrics:
        return 'masks'
    if isinstance(answer, Mapping):
        return 'counts' if 'count' in answer else ''
    return 'classes' if np.ndim(answer) == 2 else ''


def drawn(rows: np.ndarray) -> np.ndarray:
    """Returns at most ``MOST`` rows, in their order."""
    if len(rows) <= MOST:
        return rows
    return np.sort(np.random.default_rng(0).permutation(rows)[:MOST])


def views_of(
    job: Job, method: Method, state: State
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns unlabelled images as their views show them, and the first's answer."""
    need = method.needs.get('unlabelled')
    if need is None or job.task.inputs != ('image',) or not need.views:
        return {}, NOBODY
    names = tuple(sorted(need.views, key=lambda name: name.startswith('strong')))
    rows = drawn(job.data.rows['unlabelled'])[:PAIRS]
    raw = collate(job.data.source, rows, need.fields)
    raw['index'] = np.asarray(rows, np.int32)
    if raw['image'].ndim != 4:
        return {}, NOBODY
    see = prepare({'unlabelled': Stream(need.fields, names)}, job.views)

    @jax.jit
    def show(state, raw):
        batch = see(jax.random.key(0), {'unlabelled': raw})['unlabelled']
        shown = {name: batch[name]['image'] for name in names}
        outputs = method.answers[teaching(method)](state, shown[names[0]])
        return shown, job.task.decode(outputs)

    shown, probs = jax.device_get(show(state, raw))
    return {name: shown[name] for name in names}, probs  # jit sorts them


def confusion(probs: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Returns counts [C, C]: rows are true classes, columns what was said."""
    number = probs.shape[-1]
    found = np.zeros((number, number), int)
    np.add.at(found, (label, probs.argmax(-1)), 1)
    return found


def reliability(probs: np.ndarray, label: np.ndarray) -> Bins:
    """Holds confidence against accuracy, in bins of equal width.

    Args:
      probs: [n, C].
      label: [n].

    Source: Guo et al. 2017, arXiv 1706.04599.
    """
    sure, right = probs.max(-1), probs.argmax(-1) == label
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    rows = np.bincount(place, minlength=BINS)
    with np.errstate(invalid='ignore'):
        confidence = np.bincount(place, sure, BINS) / rows
        accuracy = np.bincount(place, right, BINS) / rows
    gap = np.nan_to_num(np.abs(confidence - accuracy))
    return Bins(rows, confidence, accuracy, float((gap * rows).sum() / len(label)))


def by_class(seen: Seen) -> list[list[str]]:
    """Returns lines of a table: each class, how many, recall, precision, shares."""
    one = seen.found[seen.ship]
    counts = confusion(one['answer'], one['label'])
    given = np.zeros(len(counts), int)
    if seen.pseudo:
        number = len(counts)
        given = np.bincount(seen.pseudo['probs'].argmax(-1), minlength=number)
    lines = []
    for c, name in enumerate(seen.classes):
        cells = [(counts[c, c], counts[c].sum()), (counts[c, c], counts[:, c].sum())]
        cells += [(given[c], given.sum())]
        lines.append([name, str(counts[c].sum()), *(_percent(*cell) for cell in cells)])
    return lines


def mistakes(seen: Seen, count: int = 12) -> np.ndarray:
    """Returns positions of the most confident wrong answers, the surest first."""
    one = seen.found[seen.ship]
    wrong = np.flatnonzero(one['answer'].argmax(-1) != one['label'])
    return wrong[np.argsort(-one['answer'][wrong].max(-1), kind='stable')][:count]


def _percent(part: float, whole: float) -> str:
    return f'{100 * part / whole:.1f} %' if whole else '-'
