"""Deep Co-Training: two networks agree, and each resists the other's adversaries."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Array,
    Method,
    Network,
    Outputs,
    Schedule,
    Stream,
    Task,
    Variables,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.mixed_inputs import mixed_inputs
from ssljax.methods.parts import (
    answer_of,
    choose,
    forward,
    loss_metrics,
    supervised_terms,
    task_of,
)
from ssljax.schedules import value
from ssljax.views import adversarial

STREAMS = {'student': 'labelled', 'partner': 'partner_labelled'}
"""Each network's labelled rows: the same ones, in another order."""


def deep_co_training(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    size: float = 0.02,
    agreement_weight: float = 1.0,
    difference_weight: float = 0.5,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    mixup: float = 0.0,
    joint: bool = False,
    ship: str = 'student',
) -> Method:
    r"""Two networks f and g of other weights and other labelled batches.

    .. math:: L = &\mathrm{CE}(y_1, f(x_1)) + \mathrm{CE}(y_2, g(x_2)) + \lambda(t)
        \big(\lambda_a \mathrm{JS}(p_f(u), p_g(u)) + \lambda_d L_d\big) \\
        L_d = &\frac1{B+U}\sum_{x_2, u} \mathrm{CE}(p_g(x), f(x + a_g(x))) +
        \frac1{B+U}\sum_{x_1, u} \mathrm{CE}(p_f(x), g(x + a_f(x)))

    :math:`a_f` is f's own adversary, ``views.adversarial.fgsm`` of the cross-entropy to
    the label or, unlabelled, to f's own best guess. Without :math:`L_d` the two become
    one network. Both sides of each term are taught, as in the reference code.

    Args:
      network: of both; they start from different random weights.
      optimizer: one transformation for both, or {'student': ..., 'partner': ...}.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      size: epsilon of the adversaries, in units of the inputs.
      agreement_weight: :math:`\lambda_a`; 10 for CIFAR in the paper.
      difference_weight: :math:`\lambda_d`.
      weight: lambda, the ramp of both.
      ratio: unlabelled rows for each labelled one.
      mixup: alpha of ``mixed_inputs``, unlabelled rows with a shuffle of themselves; 1
        in the audio comparison, 0 for none.
      joint: one forward pass for labelled and unlabelled rows of a network, or one
        each, as in the reference code.
      ship: whose weights ``predict`` uses: 'student' (f) or 'partner' (g).

    Source: Qiao et al. 2018, arXiv 1803.05984; Labbeti/semi-supervised, also for
    ``mixup`` (Cances et al. 2022, arXiv 2102.08183).
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    found = {name: answer_of(network, name) for name in STREAMS}
    ship = choose(ship, found)

    def init(key, batch, given=None):
        example = inputs_of(task, batch['labelled']['weak'])
        networks = {name: (network, example) for name in STREAMS}
        return start(key, networks, optimizer, given or {})

    def objective(params, state, batch, key):
        keys = dict(zip(STREAMS, jax.random.split(key), strict=True))
        shared = inputs_of(task, batch['unlabelled']['weak'])

        def run(name, views, params=params):
            variables = Variables(params[name], state.stats[name])
            return forward(
                network, variables, views, joint=joint, train=True, key=keys[name]
            )

        fixed = jax.lax.stop_gradient(params)
        supervised, stats, clean, attacked = {}, {}, {}, {}
        for name, stream in STREAMS.items():
            example = batch[stream]['weak']
            views = [inputs_of(task, example), shared]
            clean[name], stats[name] = run(name, views)
            for term, x in supervised_terms(task, clean[name][0], example).items():
                supervised[f'{name}_{term}'] = x
            guess = jnp.argmax(clean[name][1]['logits'], axis=-1)

            def wrong(views, name=name, truth=(example['label'], guess)):
                outputs, _ = run(name, views, fixed)
                logits = [output['logits'] for output in outputs]
                return sum(map(jnp.sum, map(losses.cross_entropy, logits, truth)))

            attacked[name] = adversarial.fgsm(wrong, views, size=size)

        answers = [clean[name][1]['logits'] for name in STREAMS]
        agreement = losses.masked_mean(losses.jensen_shannon(*answers))
        difference = jnp.zeros(())
        for name, other in zip(STREAMS, reversed(STREAMS), strict=True):
            resisting, _ = run(name, attacked[other])
            difference += _mean_cross_entropy(resisting, clean[other])

        ramp = value(weight, state.step)
        further = {'agreement': agreement, 'difference': difference}
        loss = sum(supervised.values())
        loss += ramp * agreement_weight * agreement
        loss += ramp * difference_weight * difference
        metrics = {**loss_metrics(supervised, further), 'weight': ramp}
        return loss, Aux(metrics, stats)

    method = Method(
        init=init,
        step=learner(objective, optimizer),
        predict=found[ship],
        needs={
            **{s: Stream(tuple(task.example), ('weak',)) for s in STREAMS.values()},
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )
    if not mixup:
        return method
    seen = ('unlabelled', 'weak')
    return mixed_inputs(method, task, {seen: seen}, alpha=mixup)


def _mean_cross_entropy(outputs: list[Outputs], others: list[Outputs]) -> Array:
    """Over the rows of several batches, [], from the answers of the other network."""
    rows = [
        losses.cross_entropy(output['logits'], jax.nn.softmax(other['logits']))
        for output, other in zip(outputs, others, strict=True)
    ]
    count = sum(map(len, rows))
    means = [len(x) / count * losses.masked_mean(x) for x in rows]
    return sum(means, start=jnp.zeros(()))
