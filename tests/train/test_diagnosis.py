"""Each watcher speaks of the failure it is for, and is silent on healthy rows."""

import numpy as np
import pytest

from ssljax.train import diagnosis, likeness

STEPS = range(50, 1001, 50)


def healthy(**changed):
    """Rows of a fit that goes well; ``name=(step -> value)`` replaces a number."""
    numbers = {
        'utilisation': lambda step: min(0.9, step / 600),
        'targets/highest_confidence': lambda step: 0.99,
        'targets/largest_class': lambda step: 0.2,
        'targets/label_share': lambda step: 0.1,
        'targets/disagreement': lambda step: 0.1,
        'teacher/distance': lambda step: 0.02,
        'labels/accuracy': lambda step: min(1.0, step / 500),
        'loss/supervised': lambda step: 2.3 * np.exp(-step / 100),
        'loss/consistency': lambda step: 0.3,
        'weight': lambda step: 1.0,
        'validation_accuracy': lambda step: min(0.95, 0.5 + step / 1000),
        **{name.replace('__', '/'): number for name, number in changed.items()},
    }
    rows = []
    for step in STEPS:
        row = {name: number(step) for name, number in numbers.items()}
        row['loss'] = row['loss/supervised'] + row['weight'] * row['loss/consistency']
        rows.append({'step': step, **row})
    return rows


def names(rows, **options):
    return [found.name for found in diagnosis.findings(rows, **options)]


def test_healthy_rows_say_nothing():
    assert not names(healthy())
    assert not names([]) and not names(healthy()[:2])
    bare = [{'step': step, 'loss': 1.0, 'validation_accuracy': None} for step in STEPS]
    assert not names(bare)


def test_nothing_passes():
    rows = healthy(
        utilisation=lambda step: 0.1 if step <= 300 else 0.0,
        targets__highest_confidence=lambda step: 0.61,
    )
    (found,) = diagnosis.findings(rows, settings={'threshold': 0.95})
    assert found.name == 'nothing passes' and found.steps == (350, 1000)
    for text in '650 steps', 'threshold 0.95', 'highest confidence 0.61':
        assert text in found.sentence
    assert 'threshold' in found.advice
    healed = healthy(utilisation=lambda step: 0.0 if step < 700 else 0.1)
    assert not names(healed)


def test_one_class():
    rows = healthy(targets__largest_class=lambda step: 0.85)
    (found,) = diagnosis.findings(rows)
    assert found.name == 'one class'
    assert '85 % of the pseudo-labels' in found.sentence
    assert '10 % of the labels' in found.sentence
    # A background that most sites are of is no collapse.
    background = healthy(
        targets__largest_class=lambda step: 0.97, targets__label_share=lambda step: 0.95
    )
    assert not names(background)


def test_teacher_equals_student():
    (found,) = diagnosis.findings(healthy(teacher__distance=lambda step: 0.0))
    assert found.name == 'teacher equals student' and 'decay' in found.advice
    # The first steps, before they part, do not count.
    parted = healthy(teacher__distance=lambda step: 0.0 if step < 300 else 1e-3)
    assert not names(parted)


@pytest.mark.parametrize('name', ['labels/accuracy', 'loss'])
def test_overfit(name):
    def falling(step):
        return 0.9 - 0.0002 * max(0, step - 300)

    rows = healthy(validation_accuracy=falling)
    if name == 'loss':  # of tasks without classes
        for row in rows:
            del row['labels/accuracy']
    (found,) = diagnosis.findings(rows)
    assert found.name == 'overfit'
    assert '0.900 to 0.770' in found.sentence
    errors = healthy(validation_nme=lambda step: 1 - falling(step))
    assert names(errors, best='-validation_nme') == ['overfit']
    assert not names(errors, best='validation_nme')


def test_labels_that_are_not_fitted_are_no_overfit():
    rows = healthy(
        validation_accuracy=lambda step: 0.9 - step / 5000,
        labels__accuracy=lambda step: 0.8,
    )
    assert not names(rows)


def test_losses_out_of_proportion():
    loud = healthy(
        loss__consistency=lambda step: 2.0,
        weight=lambda step: 100.0,
        loss__supervised=lambda step: 2.3,
    )
    assert names(loud) == ['labels drowned']
    quiet = healthy(
        loss__consistency=lambda step: 1e-6, loss__supervised=lambda step: 0.5
    )
    assert names(quiet) == ['unlabelled loss idle']
    assert not names(healthy(weight=lambda step: 0.0))  # as an ablation wishes


def test_frechet_of_normal_sets():
    random = np.random.default_rng(0)
    x = random.normal(size=(4000, 3))
    scale, shift = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, -2.0])
    y = random.normal(size=(4000, 3)) * scale + shift
    # |m|^2 + sum (s - 1)^2 where the axes are independent
    np.testing.assert_allclose(likeness.frechet(x, y), 5 + 1 + 4, rtol=0.05)
    np.testing.assert_allclose(likeness.frechet(x, x), 0, atol=1e-9)


def test_sets_that_are_unlike():
    random = np.random.default_rng(1)
    unlabelled = random.normal(size=(300, 8))
    assert likeness.unlike(random.normal(size=(30, 8)), unlabelled) is None
    other = likeness.unlike(random.normal(size=(30, 8)) + 2, unlabelled)
    assert other.name == 'sets unlike' and 'Frechet distance' in other.sentence
    assert likeness.unlike(unlabelled[:200] + 2, unlabelled) is None  # too few to judge
