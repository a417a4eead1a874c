"""TreeFormer: one network that counts three ways, and should not contradict itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ssljax import losses, shards
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Schedule,
    Stream,
    Task,
    Teacher,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    follow,
    forward,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
)
from ssljax.schedules import value
from ssljax.views.prepare import row_keys


def treeformer(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    consistency_weight: float = 1.0,
    rank_weight: float = 1.0,
    token_weight: float = 1.0,
    crops: Sequence[float] = (1.0, 0.75, 0.5),
    part: int = 16,
    weight: float | Schedule = 1.0,
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Learns to count from labels, and without them from what must hold anyway.

    .. math:: L = L_\mathrm{sup} + \lambda (\alpha L_\mathrm{consistency} +
        \beta L_\mathrm{rank} + \gamma L_\mathrm{token})

    The heads see disturbed features, their mean is the teacher of all of them; crops
    that lie in each other hold fewer and fewer; what is counted in numbers agrees.

    Args:
      network: ``models.pyramid_counter``, or another that answers 'densities' [U, T, h,
        w, 1] and 'counts' [U, T], disturbed where it gets a key.
      optimizer: an optax transformation.
      task: ``tasks.density``.
      consistency_weight: alpha.
      rank_weight: beta; 0 saves the passes over the crops.
      token_weight: gamma.
      crops: shares of the image's sides, from the whole to the smallest, each crop at a
        random place inside of the one before.
      part: sides of crops are multiples of it, the network's largest stride.
      weight: lambda, a float or a schedule of the step.
      ratio: unlabelled images for each labelled one.
      teacher: averages the network, for evaluation; the paper has none.
      ship: whose weights ``predict`` uses; default the teacher where there is one.

    Raises:
      InputError: if the crops do not get smaller, or (when traced) are smaller than a
        part.

    Source: TreeFormer 2023, arXiv 2307.06118. There the crops are of one density map
    that is never negative, and hold fewer by themselves once they are not resized: the
    loss is 0 or, resized, wrong. Here each crop is an image of its own (Liu et al.
    2018, arXiv 1803.03095), so that there is something to learn. The consistency is
    over the whole map.
    """
    if crops[0] != 1 or any(a <= b for a, b in zip(crops, crops[1:], strict=False)):
        raise InputError(f'crops is {tuple(crops)}; give 1, then smaller and smaller.')
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks: dict[str, Any] = {
            'student': (network, batch['labelled']['weak']['image'])
        }
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        labelled, image = (
            batch['labelled']['weak'],
            batch['unlabelled']['weak']['image'],
        )
        noise, place, inner = jax.random.split(key, 3)
        student = student_of(params, state.stats)
        (on_labels, on_rest), stats = forward(
            network,
            student,
            [labelled['image'], image],
            joint=False,
            train=True,
            key=noise,
        )
        densities = jnp.asarray(on_rest['densities'], jnp.float32)[..., 0]
        supervised = supervised_terms(task, on_labels, labelled)
        unsupervised = {}
        if consistency_weight:
            apart = losses.rectified_consistency(densities)
            unsupervised['consistency'] = consistency_weight * losses.masked_mean(apart)
        if token_weight:
            if 'counts' not in on_rest:
                raise InputError(
                    f"The network answers {sorted(on_rest)} and lacks 'counts'; give "
                    'one that has them, or token_weight 0.'
                )
            apart = losses.count_agreement(on_rest['counts'])
            unsupervised['token_agreement'] = token_weight * losses.masked_mean(apart)
        metrics = {}
        if rank_weight:
            counts = [densities[:, 0].sum((1, 2))]
            for i, crop in enumerate(nested(place, image, crops[1:], part)):
                own = jax.random.fold_in(inner, i)
                seen, _ = network.apply(student, crop, train=True, key=own)
                counts.append(jnp.asarray(seen['densities'])[:, 0].sum((1, 2, 3)))
            held = jnp.stack(counts, axis=-1).astype(jnp.float32)
            rank = losses.ranking(held)
            unsupervised['rank'] = rank_weight * losses.masked_mean(rank)
            metrics['rank_violations'] = jnp.mean(held[:, 1:] > held[:, :-1])
        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        metrics |= loss_metrics(supervised, unsupervised) | {'weight': ramp}
        return loss, Aux(metrics, {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def nested(
    key: Array, images: Array, shares: Sequence[float], part: int
) -> list[Array]:
    """Cuts crops out of images, each inside of the one before.

    Args:
      key: consumed.
      images: [U, H, W, channels].
      shares: of H and W, falling.
      part: sides are rounded to multiples of it.

    Returns:
      [U, h, w, channels] for each share.

    Raises:
      InputError: if a crop is smaller than a part.
    """
    rows, *sides, channels = images.shape
    keys = row_keys(key, shards.row_numbers(rows, like=images))
    found, current = [], images
    for i, share in enumerate(shares):
        size = [round(share * side / part) * part for side in sides]
        if min(size) < part:
            raise InputError(
                f'crops has {share}, of {sides[0]}x{sides[1]} pixels; a crop must have '
                f'{part} at least.'
            )
        room = jnp.array(
            [a - b + 1 for a, b in zip(current.shape[1:3], size, strict=True)]
        )

        def cut(key, image, i=i, size=size, room=room):
            at = jax.random.randint(jax.random.fold_in(key, i), (2,), 0, room)
            return jax.lax.dynamic_slice(image, (*at, 0), (*size, channels))

        current = jax.vmap(cut)(keys, current)
        found.append(current)
    return found
