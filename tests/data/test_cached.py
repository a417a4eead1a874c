"""Answers that are kept teach what the teacher does, and no other source's do."""

import jax
import numpy as np
import optax
import pytest

from ssljax import data, methods, models, views
from ssljax.contracts import InputError
from ssljax.data import cached
from ssljax.targets.top_answers import all_answers, top_answers

KEY = jax.random.key(0)


@pytest.fixture(scope='module')
def case():
    """A source, a teacher with weights, and its answers on every row."""
    image = np.random.default_rng(0).random((24, 5), np.float32)
    source = data.Arrays({'image': image, 'label': np.arange(24, dtype=np.int32) % 4})
    teacher = models.mlp(4, hidden=(6,))
    weights = teacher.init(KEY, image)
    logits, _ = teacher.apply(weights, image, train=False)
    return source, teacher, weights, np.asarray(logits['logits'])


def trajectory(source, teacher, weights, target_from):
    """Losses of five steps, views drawn anew for the student in each."""
    online = target_from == 'teacher'
    method = methods.distil(
        models.mlp(4, hidden=(3,)),
        teacher if online else None,
        optax.adam(0.01),
        num_classes=4,
        target_from=target_from,
        target_view='plain' if online else None,
    )
    seen = {'weak': views.noise(0.1), 'plain': views.identity}
    method = methods.prepared(method, views.prepare(method.needs, seen))
    rows = {'unlabelled': np.arange(24)}
    feed = data.resident(source, rows, method.needs, batch_size=8, seed=0)
    given = {'teacher': weights} if online else {}
    state = method.init(jax.random.key(1), feed(0), given)
    step, found = jax.jit(method.step), []
    for i in range(5):
        state, metrics = step(state, feed(i))
        found.append(float(metrics['loss']))
    return found


def test_cached_answers_are_the_same_lesson(tmp_path, case):
    source, teacher, weights, logits = case
    online = trajectory(source, teacher, weights, 'teacher')
    for top, name in (0, 'answers'), (3, 'top_answers'):
        found = cached.answers(source, np.arange(24), logits, weights, top)
        cached.save(tmp_path / 'answers.npz', found)
        kept = cached.over(source, cached.load(tmp_path / 'answers.npz'), weights)
        np.testing.assert_allclose(
            trajectory(kept, None, None, name), online, rtol=1e-5
        )
    few = cached.answers(source, np.arange(24), logits, weights, 1)
    kept = cached.over(source, few)
    other = trajectory(kept, None, None, 'top_answers')
    assert not np.allclose(other, online, rtol=1e-3)


def test_refuses_another_source_teacher_or_file(tmp_path, case):
    source, teacher, weights, logits = case
    found = cached.answers(source, np.arange(24), logits, weights)
    changed = source.fields['image'].copy()
    changed[3, 0] += 1
    other = data.Arrays({**source.fields, 'image': changed})
    with pytest.raises(InputError, match='of another source: it had the hash'):
        cached.over(other, found)
    with pytest.raises(InputError, match='of another teacher'):
        cached.over(source, found, teacher.init(jax.random.key(7), changed))
    with pytest.raises(InputError, match='count is 4 of 4 classes'):
        cached.answers(source, np.arange(24), logits, weights, 4)
    file = tmp_path / 'answers.npz'
    with pytest.raises(InputError, match="can't be read"):
        cached.load(file)
    np.savez(file, index=np.arange(3))
    with pytest.raises(InputError, match="lacks 'source'"):
        cached.load(file)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InputError, match="can't be read"):
        cached.load(file)


def test_top_answers_keep_probabilities():
    logits = jax.random.normal(KEY, (2, 3, 7))
    values, classes = top_answers(logits, 3)
    probs, again = (
        jax.nn.softmax(z) for z in (logits, all_answers(values, classes, 7))
    )
    kept = np.take_along_axis(np.asarray(probs), np.asarray(classes), -1)
    there = np.take_along_axis(np.asarray(again), np.asarray(classes), -1)
    np.testing.assert_allclose(there, kept, rtol=1e-5)
    np.testing.assert_array_equal(classes, np.argsort(-logits, -1)[..., :3])
    others = np.sort(np.asarray(again), -1)[..., :4]
    np.testing.assert_allclose(others, others.mean(-1, keepdims=True) + 0 * others)
    with pytest.raises(InputError, match=r'values is \(2, 3, 4\)'):
        all_answers(values, classes[..., :2], 7)
