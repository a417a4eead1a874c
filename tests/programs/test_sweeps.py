import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError, Variables
from ssljax.programs import Run
from ssljax.programs.stages import stages
from ssljax.programs.sweeps import mined, subspaces
from ssljax.solvers.subspaces import Subspaces, coordinates, without

KEY = jax.random.key(0)


class Watched(Run):
    """Remembers what each fit was given and which rows its streams drew."""

    def __init__(self, folder):
        super().__init__(folder, progress=False)
        self.given, self.drawn = {}, {}

    def fit(self, name, method, feed, steps, *, given, **options):
        self.given[name] = dict(given)
        rows = [feed(step) for step in range(30)]
        self.drawn[name] = {
            stream: np.unique([batch[stream]['index'] for batch in rows])
            for stream in method.needs
        }
        return super().fit(name, method, feed, steps, given=given, **options)


TEACHER = {'method': 'supervised', 'steps': 20, 'rows': {'labelled': ('unlabelled',)}}
STUDENT = {
    'method': 'distil',
    'steps': 30,
    'args': {'ratio': 4.0},
    'teacher_from': 'teacher',
    'rows': {'unlabelled': ('labelled', 'mine')},
}


def test_a_student_learns_from_what_its_teacher_has_picked(tmp_path, make_job):
    mine = {'sweep': 'mined', 'by': 'teacher', 'count': 4}
    parts = {'teacher': TEACHER, 'mine': mine, 'student': STUDENT}
    job = make_job(method='stages', order=tuple(parts), stages=parts)
    run = Watched(tmp_path)
    found = stages(run, job)
    assert set(run.drawn['teacher']['labelled']) == set(range(60))
    picked = run.drawn['student']['unlabelled']
    assert set(range(6)) <= set(picked) and 12 <= len(picked) <= 18
    assert found['test_accuracy'] == found['test_accuracy/student'] > 0.8
    assert stages(Run(tmp_path, progress=False), job) == found


def test_subspaces_are_given_on(tmp_path, make_job):
    split = {'sweep': 'subspaces', 'by': 'teacher', 'subclasses': 2, 'head': 'Dense_1'}
    student = {
        'method': 'lelp',
        'steps': 30,
        'args': {'ratio': 4.0},
        'network': {'outputs': 6},
        'teacher_from': 'teacher',
        'given': {'subspaces': 'split'},
    }
    parts = {'teacher': TEACHER, 'split': split, 'student': student}
    job = make_job(method='stages', order=tuple(parts), stages=parts)
    run = Watched(tmp_path)
    found = stages(run, job)
    given = run.given['student']['subspaces']
    assert isinstance(given, Subspaces) and given.directions.shape == (3, 8, 2)
    assert found['test_accuracy'] > 0.8


@pytest.mark.parametrize(
    'change, message',
    [
        ({'mine.by': 'student'}, "stages.mine.by .* is 'student'"),
        ({'mine.sweep': 'mind'}, "stages.mine.sweep is 'mind'.*'mined'"),
        ({'mine.of': 'pool'}, "stages.mine.of is 'pool'"),
        ({'student.rows': {'unlabelled': ('mines',)}}, "rows.unlabelled is 'mines'"),
    ],
)
def test_refuses_what_is_not_there(tmp_path, make_job, change, message):
    mine = {'sweep': 'mined', 'by': 'teacher', 'count': 4, 'of': 'unlabelled'}
    parts = {'teacher': {**TEACHER, 'steps': 1}, 'mine': mine, 'student': STUDENT}
    parts = copy.deepcopy(parts)
    for path, value in change.items():
        name, field = path.split('.')
        parts[name][field] = value
    job = make_job(method='stages', order=tuple(parts), stages=parts)
    with pytest.raises(InputError, match=message):
        stages(Watched(tmp_path), job)


def test_mining_takes_the_surest_of_each_class():
    logits = np.log([[0.9, 0.1], [0.4, 0.6], [0.05, 0.95], [0.5, 0.5]])
    rows = np.array([10, 11, 12, 13])
    found = mined(KEY, {'logits': logits}, rows, Variables({}), count=1)
    np.testing.assert_array_equal(found, [10, 12])
    found = mined(KEY, {'logits': logits}, rows, Variables({}), count=2)
    np.testing.assert_array_equal(found, [10, 11, 12, 13])
    several = {
        tuple(mined(key, {'logits': logits}, rows, Variables({}), count=1, random=True))
        for key in jax.random.split(KEY, 20)
    }
    assert len(several) > 2 and all(len(set(pair)) == 2 for pair in several)


@pytest.mark.parametrize('random', [False, True])
def test_directions_see_nothing_that_the_head_sees(random):
    one, two, three = jax.random.split(KEY, 3)
    features = jax.random.normal(one, (50, 6)) * jnp.arange(1.0, 7.0)[None]
    weights = jax.random.normal(two, (6, 2))
    outputs = {'features': features, 'logits': features @ weights}
    teacher = Variables({'classifier': {'kernel': weights, 'bias': jnp.zeros(2)}})
    found = subspaces(
        three, outputs, np.arange(50), teacher, subclasses=3, random=random
    )
    seen = jnp.einsum('dk,cds->cks', weights, found.directions)
    np.testing.assert_allclose(seen, jnp.zeros((2, 2, 3)), atol=1e-4)
    # So raw features have the coordinates of those without what it sees.
    z = coordinates(found, features)
    np.testing.assert_allclose(
        z, coordinates(found, without(features, weights)), atol=1e-3
    )
    guess = jnp.argmax(outputs['logits'], axis=-1)
    np.testing.assert_allclose(np.std(z[np.arange(50), guess]), 1, rtol=1e-4)
    with pytest.raises(InputError, match="head is 'fc'.*'classifier'"):
        subspaces(three, outputs, np.arange(50), teacher, subclasses=3, head='fc')
