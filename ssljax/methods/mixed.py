"""The step of MixMatch and its heirs: guessed labels, all of it mixed, then learnt.

What differs between them is who guesses and how, what is mixed and by which loss it is
learnt, and what a student also learns of the unmixed rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax import losses, shards
from ssljax.contracts import (
    Array,
    Evidence,
    InputError,
    Method,
    Network,
    Schedule,
    Stream,
    TargetRule,
    Targets,
    Task,
    Teacher,
    Variables,
    View,
    inputs_of,
)
from ssljax.methods import projection
from ssljax.methods.joint import join
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    consistency_terms,
    follow,
    forward,
    loss_metrics,
    opinion_of,
    remember,
    student_of,
    supervised_terms,
)
from ssljax.schedules import value
from ssljax.targets import from_prediction
from ssljax.views import mixing
from ssljax.views.prepare import row_keys


class Turned(NamedTuple):
    """A student that also finds out how a view was turned."""

    view: View  # of one example, adds 'turn' [] int32, as views.turn
    head: Network  # eats features [U, D], answers 'logits' [U, ways]
    weight: float


def mixed(
    network: Network,
    optimizer: Optimizer,
    task: Task,
    *,
    rule: TargetRule,
    guess_views: Sequence[str],
    taught_views: Sequence[str],
    labelled_view: str = 'weak',
    alpha: float,
    one_share: bool,
    weight: float | Schedule,
    unmixed: float = 0.0,
    turned: Turned | None = None,
    ratio: float,
    joint: bool,
    teacher: Teacher | None,
    ship: str | None,
) -> Method:
    r"""Returns a method of the family.

    .. math:: q = \mathrm{rule}\Big(\tfrac1G\sum_g p(g(u))\Big), \quad
        (X', U') = \mathrm{MixUp}\big((x_l, y), (u_k, q)_{k=1..K}\big)

    .. math:: L = L_\mathrm{sup}(X') + \lambda(t)\,\big[\ell(U')
        + \mu\,\ell(u_1, q)\big] + \lambda_r\,\mathrm{CE}(r, h(r(u_1)))

    Rows are mixed with rows of the whole batch, labelled and not, on all devices.

    Args:
      network: the student's.
      optimizer: an optax transformation, or {'student': ..., 'head': ...}.
      task: of classification: it answers distributions, and its supervised loss takes
        them as labels; ``task.consistency`` is :math:`\ell`. Its inputs are floats.
      rule: from the mean answer on ``guess_views`` to targets q.
      guess_views: g, answered in one pass each, by batch statistics; no gradient.
      taught_views: :math:`u_1 \dots u_K`, mixed.
      labelled_view: of the labelled rows.
      alpha: of ``views.mixing.mixup_among``; 0 mixes nothing.
      one_share: one lambda a batch instead of one a row.
      weight: lambda, a float or a schedule of the step.
      unmixed: mu >= 0, for :math:`u_1` as it is.
      turned: for :math:`u_1` turned; None for none.
      ratio: unlabelled rows for each labelled one.
      joint: one pass over all that is mixed, or one each (see ``forward``); running
        statistics move by that alone. The rest has a pass of its own each.
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: if alpha is below 0; when traced, if inputs are no floats, answers no
        distribution a row, or features no vector a row.
    """
    if alpha < 0:
        raise InputError(f'alpha is {alpha}; give 0, which mixes nothing, or more.')
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        inputs = inputs_of(task, batch['unlabelled'][taught_views[0]])
        networks = {'student': (network, inputs)}
        if turned is not None:
            both = projection.networks(network, turned.head, inputs)
            networks['head'] = both['projector']
        memory = remember(teacher, rule, opinion_of(network, task, inputs))
        return start(key, networks, optimizer, given or {}, memory=memory)

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled'][labelled_view], batch['unlabelled']
        guess_key, rule_key, mix_key, mixed_key, unmixed_key, turn_key = (
            jax.random.split(key, 6)
        )

        def run(examples, key, joint=False):
            student = student_of(params, state.stats)
            inputs = [inputs_of(task, example) for example in examples]
            return forward(network, student, inputs, joint=joint, train=True, key=key)

        guesses, _ = run([unlabelled[view] for view in guess_views], guess_key)
        probs = [task.decode(jax.lax.stop_gradient(answer)) for answer in guesses]
        evidence = Evidence(
            step=state.step,
            key=rule_key,
            index=unlabelled['index'],
            labels=labelled['label'],
        )
        targets, kept = rule.update(
            from_prediction(sum(probs) / len(probs)), state.memory['rule'], evidence
        )

        truth = jax.nn.one_hot(labelled['label'], _classes(targets.value))
        rows = [_row(task, labelled, truth)]
        rows += [_row(task, unlabelled[v], targets.value) for v in taught_views]
        if alpha:
            rows = mixing.mixup_among(mix_key, rows, alpha=alpha, one_share=one_share)
        (on_labels, *taught), stats = run(rows, mixed_key, joint)
        supervised = supervised_terms(task, on_labels, rows[0])
        lesson = join([row['label'] for row in rows[1:]])
        ramped = consistency_terms(task, join(taught), _all(lesson), 'all')

        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(ramped.values())
        further: dict[str, Array] = {}
        new_stats = {'student': stats}
        if unmixed:
            (answer,), _ = run([unlabelled[taught_views[0]]], unmixed_key)
            terms = consistency_terms(task, answer, _all(targets.value), 'all')
            further['unmixed'] = sum(terms.values(), jnp.zeros(()))
            loss += ramp * unmixed * further['unmixed']
        if turned is not None:
            view_key, pass_key, head_key = jax.random.split(turn_key, 3)
            example = _turn(turned.view, view_key, unlabelled[taught_views[0]])
            (answer,), _ = run([example], pass_key)
            head = Variables(params['head'], state.stats['head'])
            said, new_stats['head'] = turned.head.apply(
                head, answer['features'], train=True, key=head_key
            )
            wrong = losses.cross_entropy(said['logits'], example['turn'])
            further['turn'] = losses.masked_mean(wrong)
            loss += turned.weight * further['turn']
        metrics = {**loss_metrics(supervised, ramped, further), 'weight': ramp}
        return loss, Aux(metrics, new_stats, {**state.memory, 'rule': kept})

    views = tuple(dict.fromkeys((*guess_views, *taught_views)))
    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), (labelled_view,)),
            'unlabelled': Stream(task.inputs, views, ratio),
        },
        answers=found,
        ship=ship,
    )


def _turn(view: View, key: Array, examples: dict) -> dict:
    """The examples of a batch, each turned by a key of its own."""
    rows = jax.tree.leaves(examples)[0].shape[0]
    keys = row_keys(key, shards.row_numbers(rows, like=examples))
    return shards.by_rows(jax.vmap(view), keys, examples)


def _all(probs: Array) -> Targets:
    return Targets(probs, jnp.ones(probs.shape[:1], jnp.float32))


def _classes(probs: Array) -> int:
    if not hasattr(probs, 'shape') or len(probs.shape) != 2:
        raise InputError(
            'The rule makes no distribution [U, C] of an answer; this family mixes '
            'labels of classification only, and does not harden them.'
        )
    return probs.shape[-1]


def _row(task: Task, example: dict, label: Array) -> dict:
    """What is mixed of an example: its inputs, and its label as a distribution."""
    return {**{name: example[name] for name in task.inputs}, 'label': label}
