"""Tiny networks with dict parameters, and batches made from what a method needs."""

import functools
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, shards, tasks, views
from ssljax.contracts import Network, TargetRule, Task, Variables


def _mlp(classes=3, hidden=6, *, statistics=False, noise=0.0, dtype=jnp.float32):
    """Two layers with tanh; optionally running means of the hidden layer, and noise.

    Both are of the whole batch, on however many devices it lies.
    """

    def init(key, inputs):
        size = math.prod(inputs.shape[1:])
        first, second = jax.random.split(key)
        params = {
            'W1': jax.random.normal(first, (size, hidden), dtype) / size**0.5,
            'b1': jnp.zeros(hidden, dtype),
            'W2': jax.random.normal(second, (hidden, classes), dtype),
            'b2': jnp.zeros(classes, dtype),
        }
        return Variables(params, {'mean': jnp.zeros(hidden)} if statistics else {})

    def apply(variables, inputs, *, train, key=None):
        p, stats = variables
        x = inputs.reshape(inputs.shape[0], -1).astype(p['W1'].dtype)
        h = x @ p['W1'] + p['b1'][None]
        if statistics:
            mean = stats['mean']
            if train:
                mean = shards.mean(h.mean(0).astype(jnp.float32))
                stats = {'mean': 0.9 * stats['mean'] + 0.1 * mean}
            h = h - mean[None].astype(h.dtype)
        h = jnp.tanh(h)
        if key is not None:
            numbers = shards.row_numbers(len(h), like=h)
            keys = jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)
            drawn = jax.vmap(lambda own: jax.random.normal(own, (hidden,), h.dtype))
            h = h + noise * drawn(keys)
        return {'logits': h @ p['W2'] + p['b2'][None], 'features': h}, stats

    return Network(init, apply)


def _table(logits):
    """A network whose parameters are its answers: inputs are row numbers [B, 1].

    The gradient of a parameter row is then the gradient of that row's logits.
    """

    def apply(variables, inputs, *, train, key=None):
        rows = inputs[:, 0].astype(jnp.int32)
        return {'logits': variables.params['logits'][rows]}, variables.stats

    return Network(
        lambda key, inputs: Variables({'logits': jnp.asarray(logits, jnp.float32)}),
        apply,
    )


def _rows(*counts):
    """Consecutive row numbers [count, 1] float32, for the streams of a table."""
    ends = np.cumsum(counts)
    return [
        jnp.arange(end - count, end, dtype=jnp.float32)[:, None]
        for count, end in zip(counts, ends, strict=True)
    ]


def _batch(labelled, label, unlabelled, labelled_views=('weak',)):
    """A batch of images that are the same in all labelled views."""
    label = jnp.asarray(label, jnp.int32)
    example = {'image': labelled, 'label': label}
    batch = {'labelled': {view: dict(example) for view in labelled_views}}
    if unlabelled:
        batch['unlabelled'] = {v: {'image': image} for v, image in unlabelled.items()}
    for stream in batch.values():
        rows = len(next(iter(stream.values()))['image'])
        stream['index'] = jnp.arange(rows)
    return batch


def _replay(case, build, memory=lambda memory: memory):
    """A method on a recorded sequence of logits, SGD of rate 1 on a table of them all.

    Args:
      case: with ``in_logits_lb`` [T, B, C], ``in_logits_ulb_w`` and ``_s`` [T, U, C].
      build: (network, optimizer) -> Method on views 'weak' and 'strong'.
      memory: changes State.memory at the start.

    Yields:
      (step, State after it, moves of the logits by view, metrics).
    """
    names = ('lb', 'ulb_w', 'ulb_s')
    logits = [case[f'in_logits_{name}'] for name in names]
    sizes = [x.shape[1] for x in logits]
    table = np.concatenate(logits, axis=1)
    method = build(_table(table.reshape(-1, table.shape[-1])), optax.sgd(1.0))
    step, state = jax.jit(method.step), None
    for t in range(len(table)):
        first, *views = _rows(t * sum(sizes), *sizes)[1:]
        views = dict(zip(('weak', 'strong'), views, strict=True))
        batch = _batch(first, case['in_y_lb'][t], views)
        if 'in_idx_ulb' in case:
            index = jnp.asarray(case['in_idx_ulb'][t], jnp.int32)
            batch['unlabelled']['index'] = index
        if state is None:
            state = method.init(jax.random.key(0), batch)
            state = state._replace(memory=memory(state.memory))
        new, metrics = step(state, batch)
        moved = new.params['student']['logits'] - state.params['student']['logits']
        here = np.asarray(moved).reshape(table.shape)[t]
        parts = np.split(here, np.cumsum(sizes)[:-1])
        yield t, new, dict(zip(names, parts, strict=True)), metrics
        state = new


def _boxes_network():
    """Finds the bright spot of each channel: moves exactly as its image moves."""

    def init(key, inputs):
        size = 1 + 0.1 * jax.random.normal(key, (2,))
        return Variables({'size': size, 'scale': jnp.ones(()), 'bias': jnp.zeros(())})

    def apply(variables, inputs, *, train, key=None):
        p = variables.params
        height, width = inputs.shape[1:3]
        light = jnp.sum(inputs, axis=(1, 2))  # [B, M]
        some = jnp.maximum(light, 1e-6)
        y = jnp.einsum('bhwm,h->bm', inputs, jnp.arange(height, dtype=jnp.float32))
        x = jnp.einsum('bhwm,w->bm', inputs, jnp.arange(width, dtype=jnp.float32))
        centre = jnp.stack([x / some, y / some], axis=-1)  # [B, M, 2]
        size = p['size'][None, None]
        boxes = jnp.concatenate([centre - size, centre + size], axis=-1)
        score = p['scale'] * (light - 0.5) + p['bias']
        return {'boxes': boxes, 'score': score, 'valid': light > 0}, variables.stats

    return Network(init, apply)


def _boxes_task(slots=2, side=8):
    """Padded boxes [M, 4] (x0, y0, x1, y1) in pixels, a score each, and ``valid``."""

    def decode(outputs):
        scores = jax.nn.sigmoid(outputs['score'])
        return {'boxes': outputs['boxes'], 'scores': scores, 'valid': outputs['valid']}

    def squared(a, b):
        return jnp.mean((a - b) ** 2, axis=-1)  # [U, M]

    def supervised(outputs, example):
        there = example['valid'].astype(jnp.float32)
        apart = squared(outputs['boxes'], example['boxes'])
        count = jnp.maximum(there.sum(-1), 1)
        wrong = optax.losses.sigmoid_binary_cross_entropy(outputs['score'], there)
        return {
            'true_boxes': jnp.sum(there * apart, -1) / count,
            'true_scores': wrong.mean(-1),
        }

    def consistency(outputs, targets):
        scores = jax.nn.sigmoid(outputs['score'])
        return {
            'boxes': squared(outputs['boxes'], targets.value['boxes']),
            'scores': (scores - targets.value['scores']) ** 2,
        }

    def transport(prediction, warp_from, warp_to):
        move = warp_to @ jnp.linalg.inv(warp_from)  # [U, 3, 3]
        return {**prediction, 'boxes': _moved_boxes(prediction['boxes'], move)}

    return Task(
        example={
            'image': jax.ShapeDtypeStruct((side, side, slots), jnp.float32),
            'boxes': jax.ShapeDtypeStruct((slots, 4), jnp.float32),
            'valid': jax.ShapeDtypeStruct((slots,), jnp.bool_),
        },
        inputs=('image',),
        decode=decode,
        supervised=supervised,
        consistency=consistency,
        transport=transport,
        metrics={},
    )


def _moved_boxes(boxes, matrix):
    corners = boxes.reshape(*boxes.shape[:-1], 2, 2)
    linear, offset = matrix[..., None, :2, :2], matrix[..., None, None, :2, 2]
    return (corners @ jnp.swapaxes(linear, -1, -2) + offset).reshape(boxes.shape)


def _boxes_view(key, example):
    """views.shift, taking along the boxes where there are any."""
    moved = views.shift(1)(key, {'image': example['image']})
    if 'boxes' in example:
        moved['boxes'] = _moved_boxes(example['boxes'], moved['warp'])
    return {**example, **moved}


def _boxes_rule(tau):
    """Teaches the slots that exist and whose score reaches ``tau``: weights [U, M]."""

    def update(targets, state, evidence):
        found = targets.value['valid'] & (targets.value['scores'] >= tau)
        return targets._replace(weight=found.astype(jnp.float32)), state

    return TargetRule(lambda targets: (), update)


def _boxes_example(rng, rows, slots=2, side=8):
    """Images [rows, side, side, slots], a spot a channel; a dark one is padding."""
    spot = rng.integers(2, side - 2, (rows, slots, 2))  # (x, y)
    light = np.maximum(rng.uniform(-0.5, 1.5, (rows, slots)), 0)
    x, y = (np.eye(side)[spot[..., i]] for i in (0, 1))
    image = np.einsum('bm,bmy,bmx->byxm', light, y, x)
    boxes = np.concatenate([spot - 1.5, spot + 1.5], axis=-1)
    return {
        'image': image.astype(np.float32),
        'boxes': boxes.astype(np.float32),
        'valid': light > 0,
    }


def _places_network(landmarks=2, side=4, **kind):
    """Heatmaps of one stage, a centre and offsets, of images or of clips' frames."""
    cells = side * side
    network = _mlp(classes=cells * (3 * landmarks + 1), **kind)

    def rows_of(images):
        return images.reshape(-1, *images.shape[-3:])

    def apply(variables, images, *, train, key=None):
        outputs, stats = network.apply(variables, rows_of(images), train=train, key=key)
        lead = images.shape[:-3]
        maps = outputs['logits'].reshape(*lead, side, side, 3 * landmarks + 1)
        return {
            'heatmaps': maps[..., None, :, :, :landmarks],
            'centre': maps[..., landmarks : landmarks + 1],
            'offsets': maps[..., landmarks + 1 :],
            'features': outputs['features'].reshape(*lead, -1),
            'feature_map': maps[..., :3],
        }, stats

    return Network(lambda key, images: network.init(key, rows_of(images)), apply)


def _counter_network(**kind):
    """Three densities of stride 4, of images of any size, and counts beside them."""
    network = _mlp(classes=3, **kind)

    def cells_of(images):
        rows, height, width, _ = images.shape
        parts = images.reshape(rows, height // 4, 4, width // 4, 4, -1)
        return parts.mean((2, 4, 5))[..., None]  # [U, h, w, 1]

    def apply(variables, images, *, train, key=None):
        cells = cells_of(images)
        outputs, stats = network.apply(
            variables, cells.reshape(-1, 1), train=train, key=key
        )
        maps = jax.nn.softplus(outputs['logits']).reshape(*cells.shape[:3], 3)
        densities = jnp.moveaxis(maps, -1, 1)[..., None]
        counts = densities.mean((2, 3, 4)) * 9 + 1
        return {'densities': densities, 'counts': counts}, stats

    def init(key, images):
        return network.init(key, cells_of(images).reshape(-1, 1))

    return Network(init, apply)


def _points_example(task, rng, rows):
    """Noise, and points somewhere on it."""
    shapes = {name: (rows, *x.shape) for name, x in task.example.items()}
    return {
        'image': rng.normal(size=shapes['image']).astype(np.float32),
        'points': rng.uniform(0, 31, shapes['points']).astype(np.float32),
        'valid': rng.random(shapes['valid']) > 0.3,
    }


def _prior_network(**kind):
    """A distance of directions."""
    network = _mlp(classes=1, **kind)

    def apply(variables, inputs, *, train, key=None):
        outputs, stats = network.apply(variables, inputs, train=train, key=key)
        return {'distance': jax.nn.softplus(outputs['logits'][:, 0])}, stats

    return Network(lambda key, _: network.init(key, jnp.zeros((1, 1, 2))), apply)


def _flow_network():
    """A flow that grows with the light, alike for all pixels of a frame."""

    def apply(variables, clips, *, train, key=None):
        light = clips[:, :-1].mean((2, 3, 4))
        by = jnp.tanh(light)[..., None] * variables.params['by'][None, None]
        flow = jnp.broadcast_to(
            by[:, :, None, None], (*by.shape[:2], *clips.shape[2:4], 2)
        )
        return {'flow': flow, 'flows': (flow,)}, variables.stats

    return Network(
        lambda key, clips: Variables({'by': jax.random.normal(key, (2,))}), apply
    )


def _places_example(task, rng, rows):
    """Noise, and landmarks somewhere on it; some hidden, some frames without."""
    shapes = {name: (rows, *x.shape) for name, x in task.example.items()}
    example = {
        'image': rng.normal(size=shapes['image']).astype(np.float32),
        'landmarks': rng.uniform(0, 7, shapes['landmarks']).astype(np.float32),
        'visible': rng.random(shapes['visible']) > 0.2,
    }
    if 'annotated' in shapes:
        example['annotated'] = np.arange(shapes['annotated'][1])[None] < 1
        example['annotated'] = np.repeat(example['annotated'], rows, axis=0)
    return example


def _sites_network(classes=3, **kind):
    """A class for every site of images or volumes, by its nearest neighbours.

    Answers 'logits' and 'feature_map'; has the parts 'encode' and 'decode'.
    """
    network = _mlp(classes=classes, **kind)

    def sites(images):
        for axis in range(1, images.ndim - 1):
            moves = [jnp.roll(images, by, axis) for by in (-1, 0, 1)]
            images = jnp.concatenate(moves, axis=-1)
        return images

    def apply(variables, images, *, train, key=None):
        seen = sites(images)
        rows = seen.reshape(-1, seen.shape[-1])
        outputs, stats = network.apply(variables, rows, train=train, key=key)
        logits, features = (
            outputs[name].reshape(*seen.shape[:-1], -1)
            for name in ('logits', 'features')
        )
        return {'logits': logits, 'feature_map': features}, stats

    def encode(variables, images, *, train, key=None):
        outputs, stats = apply(variables, images, train=train, key=key)
        return {'levels': (outputs['feature_map'],)}, stats

    def decode(variables, features, *, train, key=None):
        (x,), p = features['levels'], variables.params
        bias = p['b2'].reshape((1,) * (x.ndim - 1) + (-1,))
        return {'logits': x @ p['W2'] + bias, 'feature_map': x}, variables.stats

    def init(key, images):
        return network.init(key, sites(images).reshape(-1, sites(images).shape[-1]))

    return Network(init, apply, {'encode': encode, 'decode': decode})


def _sites_example(task, rng, rows):
    """Noise, and a mask of it with something of every class and of none."""
    shapes = {name: (rows, *x.shape) for name, x in task.example.items()}
    mask = rng.integers(0, 4, shapes['mask'])
    return {
        'image': rng.normal(size=shapes['image']).astype(np.float32),
        'mask': np.where(mask == 3, losses.IGNORED, mask).astype(np.int32),
    }


def pytest_addoption(parser):
    parser.addoption('--method', help='path.py:name; the battery tries it alone.')


@pytest.fixture(scope='session')
def tiny():
    """Networks and batches: mlp, table, rows, batch, replay."""
    return SimpleNamespace(
        mlp=_mlp, table=_table, rows=_rows, batch=_batch, replay=_replay
    )


@pytest.fixture(scope='session')
def boxes():
    """A task whose targets are no distribution: task, network, view, rule, example."""
    return SimpleNamespace(
        task=_boxes_task(),
        network=_boxes_network(),
        view=_boxes_view,
        rule=_boxes_rule,
        example=_boxes_example,
    )


@pytest.fixture(scope='session')
def kinds(boxes):
    """What methods are tried on, by name: task, views, network, example, options.

    ``network(**kind)`` is as ``tiny.mlp``; ``options`` are of every method's builder;
    ``networks`` are others that a method may take, by name.
    """

    def places(clip):
        task = tasks.landmarks(2, (8, 8, 1), sigma=2.0, centre=0, clip=clip)
        seen = {'weak': views.shift(1), 'strong': views.cutout()}
        if clip:
            seen = {name: views.clip(view) for name, view in seen.items()}
        return SimpleNamespace(
            task=task,
            views=seen,
            network=_places_network,
            example=functools.partial(_places_example, task),
            options={'task': task},
            networks={'flow': _flow_network()},
        )

    classes = tasks.classification(3, (4, 4, 1))
    sites = tasks.segmentation(3, (8, 8, 1), surfaces=False)
    counting = tasks.density((32, 32, 1), 4, iterations=5)

    def labelled(rng, rows):
        return {
            'image': rng.normal(size=(rows, 4, 4, 1)).astype(np.float32),
            'label': rng.integers(0, 3, rows, np.int32),
        }

    return {
        'classes': SimpleNamespace(
            task=classes,
            views={'weak': views.shift(1), 'strong': views.cutout()},
            network=_mlp,
            example=labelled,
            options={'num_classes': 3},
            networks={},
        ),
        'boxes': SimpleNamespace(
            task=boxes.task,
            views={'weak': boxes.view},
            network=lambda **kind: boxes.network,
            example=boxes.example,
            options={'task': boxes.task, 'rule': boxes.rule(0.5)},
            networks={},
        ),
        'landmarks': places(None),
        'density': SimpleNamespace(
            task=counting,
            views={'weak': views.shift(1)},
            network=_counter_network,
            example=functools.partial(_points_example, counting),
            options={'task': counting},
            networks={},
        ),
        'clips': places(3),
        'masks': SimpleNamespace(
            task=sites,
            views={
                'weak': views.rotate90(),
                'strong': views.cutout(),
                'damaged': views.damage_mask(3, probability=1.0),
                'crops': views.overlapping_crops((6, 6)),
            },
            network=_sites_network,
            example=functools.partial(_sites_example, sites),
            options={'task': sites},
            networks={'autoencoder': _sites_network()},
        ),
        'poses': SimpleNamespace(
            **{**vars(places(None)), 'network': _prior_network, 'options': {}}
        ),
        'motion': SimpleNamespace(
            **{
                **vars(places(3)),
                'network': lambda **kind: _flow_network(),
                'options': {},
            }
        ),
    }
