"""What a report shows of a job's answers: of classes, landmarks, masks and counts."""

from __future__ import annotations

import numpy as np

from experiments import drawings, report_answers, report_figures
from experiments import report_page as html
from experiments.report_answers import Seen

SURE = 0.95
"""A confidence that most rules would take."""


def classes(seen: Seen) -> list[str]:
    """Returns figures and tables of classification."""
    one = seen.found[seen.ship]
    probs, label = one['answer'], one['label']
    counts, right = len(label), int((probs.argmax(-1) == label).sum())
    bins = report_answers.reliability(probs, label)
    parts = [
        html.paragraph(f'{right} of {counts} {seen.part} rows are right.')
        + html.figure(
            report_figures.confused(seen),
            f'Confusion matrix of {len(seen.classes)} classes: {right} of {counts} '
            'rows on the diagonal. The table by class has the numbers.',
            'Confusion: rows are true classes, columns answers.',
        ),
        html.figure(
            report_figures.calibrated(bins),
            f'Reliability diagram: mean confidence {probs.max(-1).mean():.2f}, '
            f'accuracy {right / counts:.2f}, expected calibration error '
            f'{bins.ece:.3f}.',
            f'Reliability: expected calibration error {100 * bins.ece:.1f} % '
            '(of the dotted line it would be 0).',
        ),
        *pseudo_labels(seen),
    ]
    if seen.pairs:
        said = [seen.classes[i] for i in seen.pair_probs.argmax(-1)]
        parts.append(
            html.figure(
                report_figures.pairs(seen),
                f'Views {", ".join(seen.pairs)} of {len(said)} unlabelled images; who '
                f'teaches answers {", ".join(said)}.',
                'What the student sees of unlabelled images, and what it is taught.',
            )
        )
    by_class = html.table(
        f'Classes of the {seen.part} rows',
        ['class', 'rows', 'recall', 'precision', 'of pseudo-labels'],
        report_answers.by_class(seen),
    )
    return [*parts, *wrong(seen), html.folded('By class', by_class)]


def pseudo_labels(seen: Seen) -> list[str]:
    """Returns what is known of the answers on unlabelled rows."""
    if not seen.pseudo:
        return []
    probs, label = seen.pseudo['probs'], seen.pseudo['label']
    known = label >= 0
    if not known.any():
        text = 'Nobody knows the classes of the unlabelled rows.'
        return [html.paragraph(text, 'soft')]
    sure, right = probs.max(-1)[known], (probs.argmax(-1) == label)[known]
    text = (
        f'Pseudo-labels: {100 * right.mean():.1f} % of {len(right)} unlabelled rows '
        'whose hidden class is known are answered rightly.'
    )
    passed = sure >= SURE
    if passed.any():
        text += (
            f' Of the {100 * passed.mean():.1f} % with a confidence of {SURE} or more, '
            f'{100 * right[passed].mean():.1f} %.'
        )
    return [
        html.paragraph(text)
        + html.figure(
            report_figures.pseudo(sure, right),
            f'Histogram of confidences of pseudo-labels: {int(right.sum())} right, '
            f'{int((~right).sum())} wrong.',
            'Confidence of who teaches on unlabelled rows.',
        ),
    ]


def wrong(seen: Seen) -> list[str]:
    """Returns the most confident mistakes, as pictures where they are images."""
    one = seen.found[seen.ship]
    places = report_answers.mistakes(seen)
    if not len(places):
        return [html.paragraph('There are no mistakes to show.')]
    lines = [
        [
            int(one['row'][place]),
            seen.classes[one['label'][place]],
            seen.classes[one['answer'][place].argmax()],
            f'{100 * one["answer"][place].max():.1f} %',
        ]
        for place in places
    ]
    heads = ['row', 'true class', 'answer', 'confidence']
    listed = html.table('Most confident mistakes', heads, lines, text=True)
    if one.get('image') is None or one['image'].ndim != 4:
        return [listed]
    first = f'row {lines[0][0]}, {lines[0][1]} taken for {lines[0][2]}'
    return [
        html.figure(
            report_figures.wrong(seen, places),
            f'The {len(places)} most confident mistakes; the first is {first}.',
            'Most confident mistakes: true class → answer.',
        )
        + html.folded('The same as a table', listed),
    ]


def landmarks(seen: Seen) -> list[str]:
    """Returns the curve of errors, and landmarks on their pictures."""
    errors = {who: rows['errors'] for who, rows in seen.found.items()}
    means = ', '.join(f'{who} {100 * x.mean():.1f} %' for who, x in errors.items())
    return [
        html.figure(
            report_figures.drawn(drawings.curves, errors),
            f'Cumulative curve of normalised mean errors; means: {means}.',
            f'Share of frames below each error; means: {means}.',
        ),
        html.figure(
            report_figures.drawn(drawings.faces, seen.found[seen.ship], 12),
            'Landmarks on pictures, the 12 worst frames first, then all ranks.',
            'True places as rings, answers as dots; worst first, then of all ranks.',
            large=True,
        ),
    ]


def outlines(seen: Seen) -> list[str]:
    """Returns outlines on the worst cases, and the scores of classes."""
    one = seen.found[seen.ship]
    lines = []
    for c, name in enumerate(seen.classes[1:]):
        cells = []
        for score in one['scores'].values():
            known = score[:, c][~np.isnan(score[:, c])]
            cells.append(f'{known.mean():.3f}' if len(known) else '-')
        lines.append([name, *cells])
    return [
        html.table(
            f'Mean scores of the {seen.part} cases', ['class', *one['scores']], lines
        ),
        html.figure(
            report_figures.drawn(drawings.outlines, one, 12),
            'Outlines of masks on images, the 12 worst cases first, then all ranks.',
            'True outlines blue, found ones dashed orange; worst cases first, with '
            'their Dice.',
            large=True,
        ),
    ]


def counts(seen: Seen) -> list[str]:
    """Returns found against true counts, and densities on pictures."""
    return [
        html.figure(
            report_figures.drawn(drawings.counts, seen.found),
            'Counts found against true counts.',
            'Counts found against true ones.',
        ),
        html.figure(
            report_figures.drawn(drawings.densities, seen.found[seen.ship], 12),
            'Densities on the pictures whose counts are off most.',
            'Densities, where counts are off most.',
            large=True,
        ),
    ]


KINDS = {
    'classes': classes,
    'landmarks': landmarks,
    'masks': outlines,
    'counts': counts,
}
"""Who draws what ``Seen.kind`` says."""
