"""The sections of a report: verdict, findings, curves, what was run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from experiments import report_figures, tables
from experiments import report_page as html
from experiments.report_answers import Seen
from experiments.report_figures import Lines
from experiments.report_kinds import KINDS
from experiments.report_read import Told, command, interval
from ssljax.train.diagnosis import Finding

Looks = Sequence[Seen | str]
"""What each job answers, or why that can't be shown."""

CURVES = (
    ('Losses', 'loss', lambda name: name == 'loss' or name.startswith('loss/'), True),
    ('Share of pseudo-labels that pass, confidence', 'share', {
        'utilisation', 'targets/confidence', 'targets/disagreement',
        'targets/largest_class', 'labels/accuracy',
    }.__contains__, False),
    ('Distance of teacher and student', 'of the norm', 'teacher/distance'.__eq__, True),
)  # fmt: skip
"""Title, label of the axis, which numbers of the rows, whether logarithmic."""


def page(jobs: Sequence[Told], looks: Looks) -> str:
    """Returns the whole page, HTML."""
    seen = list(zip(jobs, looks, strict=True))
    title = 'Report: ' + ', '.join(job.name for job in jobs[:3])
    title += f' and {len(jobs) - 3} more' if len(jobs) > 3 else ''
    return html.document(
        title,
        html.columns(verdict(job, look) for job, look in seen),
        [
            ('Findings', html.columns(found(job, look) for job, look in seen)),
            ('Curves', curves(jobs)),
            ('Answers', html.columns(answered(job, look) for job, look in seen)),
            ('What was run', html.columns(ran(job) for job in jobs)),
        ],
    )


def all_findings(job: Told, look: Seen | str) -> list[tuple[str, Finding]]:
    """Returns what the rows say, and what the features do."""
    of_sets = None if isinstance(look, str) else look.finding
    return [*job.findings, *([('main', of_sets)] if of_sets else [])]


def verdict(job: Told, look: Seen | str) -> str:
    """Returns the box that says how good it is, and whether something is wrong."""
    parts = []
    if job.scored is None:
        last = job.rows[-1]['step'] if job.rows else 0
        parts.append(
            html.paragraph(
                f'The job has no summary: it is not finished. It logged {last} of '
                f'{job.config.steps} steps; the same command goes on from there.',
                'look',
            )
        )
    else:
        name, score = job.scored
        by = tables.scale(name)
        unit = ' %' if by == 100 else ''
        parts.append(
            html.paragraph(f'{by * score:.{1 if unit else 3}f}{unit}', 'score')
        )
        part, _, kind = name.partition('_')
        said = f'{part} {kind.upper() if kind in ("nme", "mae") else kind}'
        if not isinstance(look, str):
            said += f' by the {look.ship}'
        split = job.summary['split']
        said += f', from {job.summary["labels"]} labels'
        said += f' among {split["unlabelled"]} training rows'
        said += f', after {job.summary["steps"]} steps'
        if name == 'test_accuracy' and split['test']:
            low, high = interval(score, split['test'])
            said += f'; 95 % interval {100 * low:.1f} to {100 * high:.1f} over '
            said += f'{split["test"]} test rows'
        better = ' (the lower the better)' if job.judged.startswith('-') else ''
        parts.append(html.paragraph(f'{said}{better}.'))
    count = len(all_findings(job, look))
    text = f'{count} thing{"s" * (count > 1)} to look at' if count else ''
    parts.append(
        html.paragraph(text or 'Nothing looks wrong.', 'look' if count else 'good')
    )
    return html.card(job.name, *parts)


def found(job: Told, look: Seen | str) -> str:
    """Returns the box of findings, each with its numbers and an advice."""
    parts = []
    for unit, one in all_findings(job, look):
        where = '' if unit == 'main' else f' of {unit}'
        where = f'{one.name}, steps {one.steps[0]} to {one.steps[1]}{where}'
        parts += [
            html.paragraph(where if any(one.steps) else one.name, 'look'),
            html.paragraph(one.sentence),
            html.paragraph(one.advice, 'soft'),
        ]
    silent = 'The watchers of the log and of the features found nothing.'
    return html.card(job.name, *(parts or [html.paragraph(silent)]))


def curves(jobs: Sequence[Told]) -> str:
    """Returns the figures of what was logged, all jobs in one."""
    validation = 'validation_' + jobs[0].judged.removeprefix('-')
    scores = (
        'Scores on validation',
        validation.replace('_', ' '),
        lambda name: name.startswith(validation),
        False,
    )
    boxes = []
    for title, label, wanted, log in (scores, *CURVES):
        drawn = {job.name: chosen(job, wanted) for job in jobs}
        if any(drawn.values()):
            image = report_figures.lines(drawn, title, label, log=log)
            alt = report_figures.in_words(drawn, title)
            boxes.append(html.card('', html.figure(image, alt)))
    return html.columns(boxes)


def chosen(job: Told, wanted: Callable[[str], bool]) -> Lines:
    """Returns the lines of a job that are wanted, by their names in the rows."""
    names = dict.fromkeys(name for row in job.rows for name in row if wanted(name))
    if sum(f'{name}_student' in names for name in names) == 1:  # the shipped one's
        names = {n: None for n in names if n.endswith(('_student', '_teacher'))}
    lines = {}
    for name in names:
        pairs = [
            (row['step'], row[name]) for row in job.rows if row.get(name) is not None
        ]
        if len(pairs) > 1:
            steps, values = zip(*pairs, strict=True)
            lines[name] = (steps, values)
    return lines


def answered(job: Told, look: Seen | str) -> str:
    """Returns the box of what a network answers."""
    if isinstance(look, str):
        return html.card(job.name, html.paragraph(look))
    if look.kind not in KINDS:
        text = 'There are no scored rows, or answers that this page can not draw.'
        return html.card(job.name, html.paragraph(text))
    return html.card(job.name, html.flow(KINDS[look.kind](look)))


def ran(job: Told) -> str:
    """Returns the box of configuration, command, versions, devices and split."""
    typed, lost = command(job.config)
    parts = [html.paragraph('The command that repeats it:'), html.code(typed)]
    if lost:
        text = f'No flag gives these fields of its configuration: {", ".join(lost)}.'
        parts.append(html.paragraph(text, 'soft'))
    facts = []
    if job.summary:
        facts = [
            ['method', job.summary['method']],
            ['data', job.summary['data']],
            ['seed', job.summary['seed']],
            ['wall time', tables.duration(job.summary['wall_seconds'])],
            ['devices', ', '.join(job.summary['devices'])],
            *([f'split: {name}', x] for name, x in job.summary['split'].items()),
            *(['version of ' + name, x] for name, x in job.summary['versions'].items()),
        ]
        parts.append(html.folded('Split, devices, versions', html.table(
            'What it ran on', ['what', 'value'], facts, text=True
        )))  # fmt: skip
    config = json.dumps(json.loads(job.config.to_json()), indent=1)
    parts.append(html.folded('Configuration', html.code(config)))
    return html.card(job.name, *parts)
