"""RAIL: two groups of two students, taught where they are wrong and doubted apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    State,
    Stream,
    Task,
    Teacher,
    Variables,
    inputs_of,
)
from ssljax.methods.learner import Optimizer, apply_gradients, gradients, start
from ssljax.methods.parts import (
    answer_of,
    choose,
    forward,
    loss_metrics,
    supervised_terms,
    together,
)
from ssljax.schedules import value
from ssljax.targets.rules import sharpened
from ssljax.teachers import count_warmup, ema

PAIRS = {'student': 'student2', 'residual': 'residual2'}
"""The students of the first group, and their twins in the second."""


def rail(
    network: Network,
    optimizer: Optimizer,
    *,
    residual: Network | None = None,
    task: Task,
    teacher: Teacher | None = None,
    turn: int = 100,
    error_weight: float = 0.5,
    doubt_weight: float = 0.05,
    flat_weight: float = 0.1,
    temperature: float = 0.1,
    weight: float | Schedule = 20.0,
    teacher_weight: float = 0.5,
    ratio: float = 1.0,
    ship: str = 'together',
) -> Method:
    r"""Four students in two groups that take turns; the best of all four teaches.

    .. math:: L_i = L_\mathrm{sup} + \alpha A_i + \beta C_i
        + \lambda(t) \big(\|p_i - Q\|^2 + \gamma\, U_i + \kappa \|p_i - Q_T\|^2\big)

    Where student i differs from the best student b, the one of the least Dice loss on
    the batch's labels (DFS): A is the mean square of its foreground from the truth over
    these sites, C its cross-entropy over those of them that are wrong, too; of the best
    itself, over all sites and over all that are wrong. Without labels (CAL): Q is the
    sharpened answer of b, and U draws sites on which both differ to an even answer. The
    best one learns from labels and from its group's teacher alone, whose sharpened
    answer is :math:`Q_T`. A group's first turn has neither Q nor DFS.

    Args:
      network: of the first student of each group, which the group's teacher averages.
      optimizer: one transformation, or one by the names 'student', 'student2' and
        'residual', 'residual2', alike for twins. Its schedules see the steps of the
        group itself, half of all.
      residual: of the second one; None is the same kind from other random weights. In
        the paper, V-Net and a residual network.
      task: ``tasks.segmentation`` with the loss 'dice_ce'.
      teacher: of either group; default ``ema(count_warmup(0.999))``.
      turn: steps that a group learns before the other one does. The official turns go
        over the last batches again, from one more on each time; these see new ones.
      error_weight: alpha.
      doubt_weight: beta.
      flat_weight: gamma.
      temperature: of both sharpenings, above 0.
      weight: lambda, of the steps of the group itself; in the paper a ramp to 20.
      teacher_weight: kappa.
      ratio: unlabelled rows for each labelled one.
      ship: 'together', the mean of the four, or the name of one.

    Raises:
      InputError: for an impossible turn; when traced, if the task has no term 'dice'
        or the temperature is not above 0.

    Source: RAIL (2025), arXiv 2505.03538; Tournesol-Saturday/RAIL, with the label where
    its code takes an argmax along an axis of the volume, one softmax where it has two,
    the cross-entropy of the truth for its divergences, and teachers that are asked
    about unlabelled rows alone.
    """
    if turn < 1:
        raise InputError(f'turn is {turn}; give a number of steps above 0.')
    teacher = teacher or ema(count_warmup(0.999))
    kinds = {'student': network, 'residual': residual or network}
    kinds |= {twin: kinds[name] for name, twin in PAIRS.items()}
    found = {name: answer_of(one, name) for name, one in kinds.items()}
    found['together'] = together(found)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        example = inputs_of(task, batch['labelled']['weak'])
        networks = {name: (one, example) for name, one in kinds.items()}

        def memory(params, stats):
            return {
                'teacher' + name.removeprefix('student'): teacher.init(
                    Variables(params[name], stats[name])
                )
                for name in ('student', 'student2')
            }

        return start(key, networks, optimizer, given or {}, memory=memory)

    def objective(active, state, batch, key, own_step, warm):
        labelled = batch['labelled']['weak']
        views = [inputs_of(task, x) for x in (labelled, batch['unlabelled']['weak'])]
        supervised: dict[str, Array] = {}
        answered, dice, stats = {}, {}, {}
        for i, (name, one) in enumerate(kinds.items()):
            params = active.get(name, state.params[name])
            outputs, moved = forward(
                one,
                Variables(params, state.stats[name]),
                views,
                joint=True,
                train=True,
                key=jax.random.fold_in(key, i),
            )
            terms = supervised_terms(task, outputs[0], labelled)
            if 'dice' not in terms:
                raise InputError(
                    f'The task has the terms {sorted(terms)}; students compete by '
                    "'dice': give tasks.segmentation with 'dice_ce'."
                )
            answered[name], dice[name] = outputs, terms['dice']
            if name in active:
                stats[name] = moved
                supervised |= {f'{name}_{term}': x for term, x in terms.items()}

        best = jnp.argmin(jnp.stack([dice[name] for name in kinds]))
        on_labels, opinion = (
            _chosen(best, [task.decode(x[part]) for x in answered.values()])
            for part in (0, 1)
        )
        answer, _ = network.apply(
            teacher.variables(state.memory['teacher']), views[1], train=True
        )
        above = sharpened(jax.lax.stop_gradient(task.decode(answer)), temperature)
        ramp, later = value(weight, own_step), 1.0 - warm
        further: dict[str, Array] = {}
        for name in active:
            wins = best == list(kinds).index(name)
            first, second = answered[name]
            region = different(first, labelled['mask'], on_labels, wins)
            probs = task.decode(second)
            follows = ramp * later * ~wins
            squares = (probs - sharpened(opinion, temperature)) ** 2
            disputed = jnp.argmax(probs, -1) != jnp.argmax(opinion, -1)
            even = -jnp.mean(jnp.log(jnp.maximum(probs, 1e-7)), axis=-1)
            terms = {
                'error': later * error_weight * region[0],
                'doubt': later * doubt_weight * region[1],
                'best': follows * losses.masked_mean(squares),
                'flat': follows
                * flat_weight
                * losses.masked_mean(even, disputed, over='kept'),
                'teacher': ramp
                * teacher_weight
                * losses.masked_mean((probs - above) ** 2),
            }
            further |= {f'{name}_{term}': x for term, x in terms.items()}
        loss = sum(supervised.values()) + sum(further.values())
        metrics = {**loss_metrics(supervised, further), 'weight': ramp}
        return loss, (metrics, stats)

    find = gradients(objective)

    def step(state: State, batch: Any) -> tuple[State, dict[str, Array]]:
        key = jax.random.fold_in(state.key, state.step)
        number = state.step // turn
        second = number % 2 == 1
        own_step = number // 2 * turn + state.step % turn
        warm = (number < 2).astype(jnp.float32)
        here = exchanged(state, second)
        active = {name: here.params[name] for name in PAIRS}
        (loss, (metrics, stats)), grads = find(active, here, batch, key, own_step, warm)
        new = apply_gradients(optimizer, grads, here)
        stats = {**here.stats, **shards.mean(stats)}
        average = teacher.update(
            here.memory['teacher'],
            Variables(new.params['student'], stats['student']),
            step=own_step,
        )
        new = new._replace(stats=stats, memory={**here.memory, 'teacher': average})
        new = exchanged(new, second)._replace(step=state.step + 1)
        return new, {
            'loss': loss,
            **metrics,
            'group': second.astype(jnp.float32),
        }

    return Method(
        init=init,
        step=step,
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def different(
    outputs: Outputs, mask: Array, best: Array, wins: Array
) -> tuple[Array, Array]:
    """DFS: what a student gets wrong where it is not of the best one's opinion.

    Args:
      outputs: of the student, 'logits' [B, *S, C].
      mask: [B, *S] int ids; ignored ones do not count.
      best: [B, *S, C] probabilities of the best student.
      wins: [] bool, whether it is the student itself.

    Returns:
      Mean square of the foreground's probabilities from the truth over the sites where
      the two differ, and mean cross-entropy over those of them that are wrong, [] each.
    """
    logits = jnp.asarray(outputs['logits'], jnp.float32)
    hard = jnp.argmax(logits, axis=-1)
    region = (hard != jnp.argmax(best, axis=-1)) | wins
    region = region.astype(jnp.float32) * losses.site_weights(mask)
    truth = jax.nn.one_hot(mask, logits.shape[-1])
    squares = jnp.mean((jax.nn.softmax(logits) - truth)[..., 1:] ** 2, axis=-1)
    wrong = losses.cross_entropy(logits, mask)
    return (
        losses.masked_mean(squares, region, over='kept'),
        losses.masked_mean(wrong, region * (hard != mask), over='kept'),
    )


def exchanged(state: State, when: Array) -> State:
    """Returns the state with its groups in each other's places, if ``when`` [] bool."""

    def swap(tree: Mapping[str, PyTree], pairs: Mapping[str, str]) -> dict[str, PyTree]:
        new = dict(tree)
        for a, b in pairs.items():
            new[a] = jax.tree.map(lambda x, y: jnp.where(when, y, x), tree[a], tree[b])
            new[b] = jax.tree.map(lambda x, y: jnp.where(when, x, y), tree[a], tree[b])
        return new

    return state._replace(
        params=swap(state.params, PAIRS),
        stats=swap(state.stats, PAIRS),
        opt=swap(state.opt, PAIRS),
        memory=swap(state.memory, {'teacher': 'teacher2'}),
    )


def _chosen(which: Array, answers: list[Array]) -> Array:
    """One of several answers, stopped."""
    return jax.lax.stop_gradient(
        jax.lax.dynamic_index_in_dim(jnp.stack(answers), which, keepdims=False)
    )
