"""What a step sends between devices, and what it computes, read off the compiled text.

Gradients, batch statistics and scalars are summed over the devices; rows stay where
they are, also where views are drawn in the step and joined in one pass.
"""

import functools
import math
import re
from typing import NamedTuple

import jax
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from ssljax import losses, methods, models, shards, targets, tasks, views
from ssljax.methods.consistency import consistency
from ssljax.train import sharding

B, WIDTH, LAYERS = 8, 4, 2  # labelled rows; channels and norms of the network
SGD = optax.sgd(0.1, momentum=0.9)
SOFT = {
    'weak': views.shift(1),
    'strong': views.compose(views.affine(), views.cutout()),
}
HARD = {'weak': views.crop_pad(1), 'strong': views.randaugment()}


class Cost(NamedTuple):
    """A method, and what it can't do without."""

    build: functools.partial
    learning: int  # passes with a gradient
    asking: int = 0  # passes without
    networks: int = 1
    tables: int = 0  # numbers in tables by index
    views: dict = SOFT


fixmatch = functools.partial(methods.fixmatch, ratio=2.0)
COSTS = {
    'fixmatch': Cost(fixmatch, 1, views=HARD),
    'fixmatch_separate': Cost(functools.partial(fixmatch, joint=False), 2, 1),
    'mean_teacher': Cost(functools.partial(methods.mean_teacher, ratio=2.0), 2, 1),
    'two_update': Cost(methods.two_update, 5, 2, networks=2),
    'flexmatch': Cost(
        functools.partial(methods.flexmatch, ratio=2.0, rows=32), 1, tables=32
    ),
}


def network():
    channels = {'channels': (WIDTH,), 'image_channels': 3}
    return models.small_cnn(3, norm='batch', **channels)


def shapes_of(method):
    """(State, raw batch), of which only shapes and types are right."""
    image, number = ((8, 8, 3), np.float32), ((), np.int32)
    fields = {'image': image, 'label': number, 'index': number}

    def stream(need):
        names = (*need.fields, 'index')
        rows = round(B * need.ratio)
        return {n: np.zeros((rows, *fields[n][0]), fields[n][1]) for n in names}

    raw = {name: stream(need) for name, need in method.needs.items()}
    return jax.eval_shape(method.init, jax.random.key(0), raw), raw


def compiled(method, partition):
    """The text of a step on eight devices, views drawn in it."""
    layout = sharding.layout(partition=partition)
    by_row = NamedSharding(layout.mesh, PartitionSpec(shards.BATCH))

    def lying(tree, where):
        leaf = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where)  # noqa: E731
        return jax.tree.map(leaf, tree)

    state, raw = shapes_of(method)
    everywhere = sharding.whole(layout)
    step = jax.jit(
        sharding.partitioned(layout, method.step), out_shardings=(everywhere, None)
    )
    with jax.set_mesh(layout.mesh):
        lowered = step.lower(lying(state, everywhere), lying(raw, by_row))
        return lowered.compile().as_text()


def sent(text):
    """{collective: [numbers sent, one entry a message]}."""
    kinds = 'all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter'
    found = {}
    for shapes, kind in re.findall(rf'= (.*?) ({kinds})(?:-start)?\(', text):
        sizes = re.findall(r'\w\[([\d,]*)\]', shapes)
        numbers = sum(math.prod(map(int, filter(None, x.split(',')))) for x in sizes)
        found.setdefault(kind, []).append(numbers)
    return found


@pytest.mark.parametrize('partition', ['auto', 'shard_map'])
@pytest.mark.parametrize('name', COSTS)
def test_only_sums_travel(name, partition):
    cost = COSTS[name]
    bare = cost.build(network(), SGD, num_classes=3)
    method = methods.prepared(bare, views.prepare(bare.needs, cost.views))
    found = sent(compiled(method, partition))
    by_hand = partition == 'shard_map'
    # The curriculum hears of (place, class) of the 2 B rows of all devices.
    assert found.pop('all-gather', []) == [2 * 2 * B] * bool(cost.tables and by_hand)
    # Mean and variance, there and back; gradients and scalars wait for nothing, so
    # that one or two messages take them all; the highest confidence is a maximum, and
    # travels by itself.
    waves = LAYERS * (4 * cost.learning + 2 * cost.asking)
    assert 4 <= len(found['all-reduce']) <= waves + 4
    params = shapes_of(method)[0].params['student']
    size = sum(math.prod(x.shape) for x in jax.tree.leaves(params))
    # The compiler sends the gradient of each pass; by hand, their sum is sent.
    gradients = size * (cost.networks if by_hand else cost.learning)
    scalars = 16
    least = gradients + waves * WIDTH
    numbers = sum(found.pop('all-reduce'))
    assert gradients <= numbers <= least + scalars + 3 * cost.tables * (not by_hand)
    assert not found


def test_a_separate_weak_pass_has_no_backward_pass():
    def flops(step, *args):
        return jax.jit(step).lower(*args).cost_analysis()['flops']

    def of(method):
        bare = views.prepare(method.needs, dict.fromkeys(SOFT, views.identity))
        method = methods.prepared(method, bare)
        return flops(method.step, *shapes_of(method))

    # The same without a weak view: what is taught is its own teacher.
    without = consistency(
        network(),
        SGD,
        tasks.classification(3, consistency=losses.cross_entropy),
        rule=targets.chain(targets.threshold(0.95), targets.harden()),
        target_view='strong',
        weight=1.0,
        ratio=2.0,
        joint=False,
        teacher=None,
    )
    net = network()
    images = np.zeros((2 * B, 8, 8, 3), np.float32)
    variables = jax.eval_shape(net.init, jax.random.key(0), images)
    forward = flops(functools.partial(net.apply, train=True), variables, images)
    joint, separate = (
        of(fixmatch(network(), SGD, num_classes=3, joint=joint))
        for joint in (True, False)
    )
    assert joint > separate + forward
    assert abs(separate - of(without) - forward) < 0.05 * forward
