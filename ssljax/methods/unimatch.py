"""UniMatch: two strong views with boxes of others, and a disturbed view of features."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from ssljax import losses, shards
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Outputs,
    PyTree,
    Schedule,
    Stream,
    Task,
    Teacher,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    check_choice,
    choose,
    follow,
    forward,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
    task_of,
)
from ssljax.schedules import value
from ssljax.targets import from_prediction
from ssljax.views import mixing, regions
from ssljax.views.prepare import row_keys

STRONG = ('strong', 'strong2')


def unimatch(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    threshold: float = 0.95,
    form: Literal['cross_entropy', 'dice'] = 'cross_entropy',
    boxes: float = 0.5,
    dropped: float = 0.5,
    feature_weight: float = 0.5,
    weight: float | Schedule = 1.0,
    ratio: float = 1.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch of sites, on two strong views and on disturbed features at once.

    .. math:: L = \tfrac12 \big(L_\mathrm{sup} + \lambda [\tfrac{1-\mu}2 U(s_1)
        + \tfrac{1-\mu}2 U(s_2) + \mu\, U(g(h(w)))]\big), \quad
        U = \frac{\sum_s [c_s \ge \tau]\, v_s\, \mathrm{CE}_s}{\sum_s v_s}

    Into each strong view a box is pasted of the same strong view of other images, the
    stream 'partner_unlabelled', and with it their answer. h drops whole channels of the
    weak view's features, g is the decoder. v is 0 where the weak view did not see.

    Args:
      network: f, with the parts 'encode', whose outputs are features [U, *S', D], and
        'decode', which takes them.
      optimizer: an optax transformation.
      task: of sites.
      threshold: tau in [0, 1], of the confidence c.
      form: U, or the Dice loss of the sites that are confident (medical images).
      boxes: probability of a box in an image.
      dropped: probability that a channel is dropped.
      feature_weight: mu in [0, 1]; 0 has strong views only.
      weight: lambda.
      ratio: unlabelled rows for each labelled one, in each of the two streams.
      joint: one forward pass for labelled and weak rows, and one for both strong views,
        as published; or one each.
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: if an option has no such value, or the network lacks the parts.

    Source: Yang et al. 2022, arXiv 2208.09910. Labels are not decoded from disturbed
    features, which its code does and leaves.
    """
    check_choice('form', form, ('cross_entropy', 'dice'))
    lacking = {'encode', 'decode'} - set(network.parts)
    if lacking:
        raise InputError(
            f'network has no part {sorted(lacking)}; give one that encodes and decodes '
            'in two steps, such as models.unet.'
        )
    if not 0 <= threshold <= 1:
        raise InputError(f'threshold is {threshold}; give a share in [0, 1].')
    if not 0 <= feature_weight <= 1:
        raise InputError(f'feature_weight is {feature_weight}; give a share in [0, 1].')
    task = task_of(task, None, losses.cross_entropy)
    found = answers(network, teacher)
    ship = choose(ship, found)
    encoder, decoder = (
        network._replace(apply=network.parts[part]) for part in ('encode', 'decode')
    )

    def init(key, batch, given=None):
        networks = {'student': (network, inputs_of(task, batch['labelled']['weak']))}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        labelled, own, other = (
            batch[name] for name in ('labelled', 'unlabelled', 'partner_unlabelled')
        )
        keys = jax.random.split(key, 5)
        student = student_of(params, state.stats)

        def run(part, stats, views, key):
            variables = student._replace(stats=stats)
            return forward(part, variables, views, joint=joint, train=True, key=key)

        said, _ = network.apply(student, other['weak']['image'], train=False)
        partner = jax.lax.stop_gradient(task.decode(said))

        seen = [inputs_of(task, x['weak']) for x in (labelled, own)]
        features, stats = run(encoder, student.stats, seen, keys[0])
        features.append(drop_channels(keys[1], features[1], dropped))
        answered, stats = run(decoder, stats, features, keys[2])
        on_labels, weak, disturbed = answered
        opinion = jax.lax.stop_gradient(task.decode(weak))

        images, lessons = [], {}
        for number, view in enumerate(STRONG):
            carried = [
                task.transport(x, rows['weak'].get('warp'), rows[view].get('warp'))
                for x, rows in ((opinion, own), (partner, other))
            ]
            box = _boxes(jax.random.fold_in(keys[3], number), own[view]['image'], boxes)
            mixed = regions.filled(
                {'image': own[view]['image'], 'probs': carried[0]},
                {'image': other[view]['image'], 'probs': carried[1]},
                box,
            )
            images.append(mixed['image'])
            lessons[view] = mixed['probs']
        answered, stats = run(network, stats, images, keys[4])
        taught = dict(zip(STRONG, answered, strict=True))

        def term(outputs, lesson):
            return agreement(task, outputs, lesson, threshold, form)

        supervised = supervised_terms(task, on_labels, labelled['weak'])
        terms = {view: term(taught[view], lessons[view]) for view in STRONG}
        terms['features'] = term(disturbed, opinion)
        strong = (terms['strong'] + terms['strong2']) / 2
        ramp = value(weight, state.step)
        loss = (1 - feature_weight) * strong + feature_weight * terms['features']
        loss = 0.5 * (sum(supervised.values()) + ramp * loss)
        sure = (opinion.max(-1) >= threshold).astype(jnp.float32)
        metrics = {
            **loss_metrics(supervised, terms),
            'utilisation': losses.masked_mean(sure),
            'weight': ramp,
        }
        return loss, Aux(metrics, {'student': stats})

    views = ('weak', *STRONG)
    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, views, ratio),
            'partner_unlabelled': Stream(task.inputs, views, ratio),
        },
        answers=found,
        ship=ship,
    )


def agreement(
    task: Task, outputs: Outputs, probs: Array, threshold: float, form: str
) -> Array:
    """Returns U, the loss of being taught hard answers where they are confident: [].

    Args:
      task: of sites.
      outputs: of the student.
      probs: what it is taught, [U, *S, C] float32, all 0 at sites to leave out.
      threshold: tau in [0, 1].
      form: 'cross_entropy', divided by the sites that are not left out, confident or
        not; or 'dice', of all classes, over the confident sites of the batch.
    """
    opinion = from_prediction(probs)
    ids = jnp.argmax(opinion.value, axis=-1)
    sure = opinion.weight * (opinion.value.max(-1) >= threshold)
    if form == 'dice':
        return losses.dice_loss(task.decode(outputs), ids, sure, smooth=1e-10).mean()
    assert task.consistency is not None  # task_of has filled it
    (apart,) = task.consistency(outputs, opinion._replace(value=ids)).values()
    return losses.masked_mean(apart, sure, over='valid', valid=opinion.weight)


def drop_channels(key: Array, features: PyTree, share: float) -> PyTree:
    """Returns features of which whole channels are 0, and the others larger instead.

    Args:
      key: consumed.
      features: a pytree of [U, *S, D]; each row and level has channels of its own.
      share: probability of a channel, in [0, 1).

    Raises:
      InputError: for another share.
    """
    if not 0 <= share < 1:
        raise InputError(f'share is {share}; give a probability in [0, 1).')
    leaves, structure = jax.tree.flatten(features)

    def level(number, x):
        own = jax.random.fold_in(key, number)
        keys = row_keys(own, shards.row_numbers(len(x), like=x))
        shape = (1,) * (x.ndim - 2) + x.shape[-1:]
        drawn = jax.vmap(lambda k: jax.random.bernoulli(k, 1 - share, shape))(keys)
        return jnp.where(drawn, x / (1 - share), 0.0).astype(x.dtype)

    return jax.tree.unflatten(structure, [level(*one) for one in enumerate(leaves)])


def _boxes(key: Array, images: Array, probability: float) -> Array:
    """Boxes [U, *S] bool, on however many devices the images lie."""
    rows = len(images)
    drawn = mixing.random_boxes(
        key,
        rows * shards.count(images),
        images.shape[1:-1],
        probability=probability,
    )
    return drawn[shards.row_numbers(rows, like=images)]
