"""TSAL's step, against the intended one in float64, and what makes it itself."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, tasks
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.tracking import tracking
from ssljax.solvers import heatmaps

NAMES = ('W0', 'b0', 'Wh0', 'Wh1', 'Wc', 'Wo')


def _network(k, grid, initial):
    """The golden case's: twelve numbers, hidden in the first pixels of the image."""

    def apply(variables, clips, *, train, key=None):
        p = variables.params
        lead = clips.shape[:2]
        x = clips[:, :, 0, :12, 0].reshape(-1, 12)
        h = jnp.tanh(x @ p['W0'] + p['b0'][None])

        def maps(name, channels):
            found = (h @ p[name]).reshape(*lead, channels, grid, grid)
            return jnp.moveaxis(found, -3, -1)

        stages = jnp.stack([maps('Wh0', k + 1), maps('Wh1', k + 1)], axis=2)
        outputs = {'heatmaps': stages, 'centre': maps('Wc', 1)}
        return outputs | {'offsets': maps('Wo', 2 * k)}, variables.stats

    return Network(lambda key, inputs: initial, apply)


def _shifting():
    """A tracker whose flow shows what lies so many rows below; it learns nothing."""

    def init(key, inputs):
        return Variables({'idle': jnp.zeros(())}, {'rows': jnp.zeros(())})

    def apply(variables, clips, *, train, key=None):
        b, t, h, w, _ = clips.shape
        down = variables.stats['rows'] * jnp.array([0.0, 1.0])
        flow = jnp.broadcast_to(down[None, None, None, None], (b, t - 1, h, w, 2))
        return {'flow': flow + 0 * variables.params['idle']}, variables.stats

    return Network(init, apply)


def _task(k, frames):
    """The labelled loss of the case, from the targets that it brings."""
    like = tasks.landmarks(k, (32, 32, 1), sigma=6.0, clip=frames, centre=0)

    def supervised(outputs, example):
        known = example['annotated'].astype(jnp.float32)
        n = jnp.maximum(known.sum(), 1.0)  # of the whole batch
        stages, cell = outputs['heatmaps'], example['cell']
        squares = losses.heatmap_squares(stages, example['maps']) * example['mask']
        terms = {'heatmap': squares.sum((1, 2)) / n}
        focal = losses.centre_focal(outputs['centre'], example['centre'])
        terms['centre'] = (known * focal).sum(1) / n
        offsets = heatmaps.offsets_at(outputs['offsets'], cell)
        seen = example['points'] * known[..., None]
        apart = losses.offset_distance(offsets, example['offset']).sum(-1) * seen
        terms['offset'] = 0.1 * apart.sum((1, 2)) / (2 * seen.sum() + 1e-4)
        rows = known.shape[0]
        changed = losses.shape_invariance(offsets, seen, example['annotated'])
        terms['shape'] = 0.01 * changed / rows
        # The step takes the mean over rows, weighed by their annotated frames.
        weigh = n / jnp.maximum(known.sum(1), 1.0)
        return {name: term * weigh for name, term in terms.items()}

    return like._replace(supervised=supervised)


def _flat(params):
    return np.concatenate([np.asarray(params[name]).ravel() for name in NAMES])


def test_five_steps_of_the_intended_code(golden):
    case = golden('landmarks_tsal_full_step_intended')
    k, grid, frames = (int(case[f'hp_{name}']) for name in ('K', 'grid', 'T'))
    steps, clips = len(case['in_x']), case['in_x'].shape[1] // frames
    ramp = case['out_paper_w'] / (2 * case['in_labelled'].sum(1))
    ramp = jnp.asarray(ramp, jnp.float32)

    def nets(who):
        own = {n: jnp.asarray(case[f'in_{who}_{n}'], jnp.float32) for n in NAMES}
        return Variables(own)

    network = _network(k, grid, nets('student'))
    task = _task(k, frames)
    method = methods.tsal(
        network,
        {
            **dict.fromkeys(
                ('student', 'teacher'),
                optax.sgd(float(case['hp_lr']), float(case['hp_momentum']), True),
            ),
            **dict.fromkeys(('student_tracker', 'teacher_tracker'), optax.sgd(0.0)),
        },
        task=task,
        tracker=_shifting(),
        tracker_weight=1e-30,
        smoothness=0.0,
        decay=float(case['hp_lam']),
        fusion=float(case['hp_mu']),
        weight=lambda step: ramp[step],
        student_weight=1.0,
        teacher_weight=2 / grid**2,  # the mean over cells of the official code
        radius=int(case['hp_radius']),
        top=int(case['hp_topk']),
    )

    rows = {'student': 16.0, 'teacher': 24.0}
    given = {who: nets(who) for who in rows}
    given |= {
        f'{who}_tracker': Variables({}, {'rows': jnp.float32(at)})
        for who, at in rows.items()
    }

    def batch(i):
        def clip(name):
            x = np.asarray(case[f'in_{name}'][i], np.float32)
            return x.reshape(clips, frames, *x.shape[1:])

        image = np.zeros((clips, frames, 32, 32, 1), np.float32)
        image[:, :, 0, :12, 0] = clip('x')
        for who, at in rows.items():
            tracked = case[f'in_tracked_{who}'][i].reshape(clips, frames - 1, 12)
            image[:, :-1, int(at), :12, 0] = tracked
        number = clip('centre_index')
        weak = {
            'image': image,
            'annotated': clip('labelled') > 0,
            'landmarks': np.zeros((clips, frames, k, 2), np.float32),
            'visible': np.ones((clips, frames, k), bool),
            'maps': np.moveaxis(clip('target'), 2, -1),
            'mask': clip('mask')[..., 0, 0],
            'centre': clip('centre_target'),
            'cell': np.stack([number // grid, number % grid], -1).astype(np.int32),
            'offset': clip('offset_target').reshape(clips, frames, k, 2),
            'points': clip('point_mask'),
        }
        none = {'image': image[:0]}
        return {
            'labelled': {'weak': weak, 'index': np.arange(clips)},
            'unlabelled': {'weak': none, 'index': np.arange(0)},
        }

    state = method.init(jax.random.key(0), batch(0), given)
    step = jax.jit(method.step)
    for i in range(steps):
        state, metrics = step(state, batch(i))
        for who in rows:
            for mine, theirs in (('heatmap', 'hm'), ('centre', 'centre')):
                np.testing.assert_allclose(
                    metrics[f'loss/{who}_{mine}'],
                    case[f'out_paper_{who}_{theirs}'][i],
                    rtol=1e-4,
                )
            np.testing.assert_allclose(
                ramp[i] * metrics[f'loss/{who}_tracked'],
                case[f'out_paper_{who}_unsup'][i],
                rtol=1e-4,
                atol=1e-7,
            )
        after = case['out_paper_student_after_first_update'][i]
        np.testing.assert_allclose(_flat(state.params['student']), after, atol=1e-5)
        after = case['out_paper_teacher_after_second_update'][i]
        np.testing.assert_allclose(_flat(state.params['teacher']), after, atol=1e-5)


@pytest.mark.parametrize('known', [True, False])
def test_frames_are_foretold_from_their_neighbours(known):
    """Of a picture that moves by (2, 1) pixels, then by (-1, 3), every one."""
    first = np.random.default_rng(0).random((16, 16, 1), np.float32)
    moves = [(2, 1), (-1, 3)]
    frames = [first]
    for x, y in moves:
        frames.append(np.roll(frames[-1], (y, x), (0, 1)))
    clips = {'image': jnp.stack(frames)[None]}
    flow = np.broadcast_to(np.float32(moves)[None, :, None, None], (1, 2, 16, 16, 2))

    def answer(variables, images, *, train, key=None):
        assert not train
        np.testing.assert_array_equal(images, clips['image'][:, ::-1])
        return {'flow': -flow[:, ::-1]}, {}  # of the reversed clip

    follow = tracking(None if known else Network(None, answer), known=known)
    clips |= {'flow': jnp.asarray(flow)} if known else {}
    assert follow.fields == (('flow',) if known else ())
    foretold, _ = follow.foretell(None, clips, None)
    inner = np.s_[:, :, 4:-4, 4:-4]
    expected = clips['image'][:, follow.frames]
    np.testing.assert_allclose(foretold[inner], expected[inner], atol=1e-6)


@pytest.mark.parametrize(
    'wrong, clip, message',
    [
        ({'fusion': 1.5}, 3, 'fusion is 1.5'),
        ({'decay': -0.1}, 3, 'decay is -0.1'),
        ({'failing': 0.5}, 3, 'nothing is tracked'),
        ({'fails': 'teacher'}, 3, 'fails is'),
        ({'known_flow': True, 'tracker': _shifting()}, 3, 'not both'),
        ({}, None, 'of single images'),
        ({}, 1, 'of single images'),
    ],
)
def test_refusals(wrong, clip, message):
    task = tasks.landmarks(4, (32, 32, 1), sigma=6.0, clip=clip, centre=0)
    with pytest.raises(InputError, match=message):
        methods.tsal(_network(4, 4, None), optax.sgd(0.1), task=task, **wrong)


def _small(centre, **options):
    """A method on random clips of two frames, with its state and batch."""
    shapes = {'W0': (12, 12), 'b0': (12,)}
    shapes |= {'Wh0': (12, 5 * 16), 'Wh1': (12, 5 * 16), 'Wc': (12, 16)}
    shapes |= {'Wo': (12, 8 * 16)}
    random = np.random.default_rng(0)
    params = {n: jnp.asarray(random.normal(size=x), 'f') for n, x in shapes.items()}
    task = tasks.landmarks(
        4, (32, 32, 1), sigma=6.0, clip=2, background=True, centre=centre
    )
    network = _network(4, 4, Variables(params))
    method = methods.tsal(network, optax.sgd(0.1), task=task, **options)
    fields = {**task.example, 'flow': jax.ShapeDtypeStruct((1, 32, 32, 2), np.float32)}
    weak = {n: jnp.zeros((2, *x.shape), x.dtype) for n, x in fields.items()}
    weak['image'] = jnp.asarray(random.random((2, 2, 32, 32, 1), np.float32))
    both = {'weak': weak, 'index': jnp.arange(2)}
    batch = {'labelled': both, 'unlabelled': both}
    return method, method.init(jax.random.key(0), batch), batch


def test_a_centre_that_no_label_teaches_is_no_source():
    method, state, batch = _small(None, fusion=0.5)
    with pytest.raises(InputError, match='give it a centre, or fusion 1'):
        jax.eval_shape(method.step, state, batch)


def test_the_source_that_fails_is_whose_it_is():
    """The tracker is of both networks, the centre of the student's target alone."""

    def tracked(**options):
        method, state, batch = _small(0, known_flow=True, **options)
        metrics = jax.jit(method.step)(state, batch)[1]
        return [float(metrics[f'loss/{who}_tracked']) for who in ('teacher', 'student')]

    right = tracked()
    by_tracker = tracked(failing=1.0)
    by_centre = tracked(failing=1.0, fails='centre')
    assert by_tracker[0] != right[0] and by_tracker[1] != right[1]
    assert by_centre[0] == right[0] and by_centre[1] > right[1]
    # A source that has no share in the target can't spoil it.
    heatmaps_alone = tracked(fusion=1.0)
    assert tracked(fusion=1.0, failing=1.0, fails='centre') == heatmaps_alone
