"""VAT: answers stay what they are under the smallest steps that would change them."""

from __future__ import annotations

import jax

from ssljax import losses, targets
from ssljax.contracts import (
    Method,
    Network,
    Schedule,
    Stream,
    Task,
    Teacher,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    consistency_terms,
    follow,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
    task_of,
)
from ssljax.schedules import value
from ssljax.views import adversarial


def vat(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    size: float = 6.0,
    iterations: int = 1,
    entropy_weight: float | Schedule = 0.06,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Virtual adversarial training: consistency under adversaries of one's own answer.

    .. math:: L = \mathrm{CE}(y, f(x_l)) + \lambda\,\frac1U\sum_i
        \mathrm{KL}(p(w_i) \| p(w_i + r_i)) + \lambda_H\,\frac1U\sum_i H(p(w_i))

    with the adversary r of length ``size`` (``views.adversarial.virtual``). The three
    passes over an unlabelled row share their noise, so that r alone makes them differ;
    the running statistics move by the labelled rows only, as in USB.

    Args:
      network: any, of one array of floats; differentiable forwards.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      size: epsilon, in units of the inputs over all their axes; 6 is for normalised
        32x32 images.
      iterations: of power iteration.
      entropy_weight: :math:`\lambda_H`; 0 leaves the entropy out (VAT without
        'EntMin').
      weight: lambda; ramped in USB.
      ratio: unlabelled rows for each labelled one, mu.
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: Miyato et al. 2017, arXiv 1704.03976; weights as in USB. Departs from it in
    that the adversary's direction is exact (USB's float32 quotient at 1e-6 is not).
    """
    task = task_of(task, num_classes, losses.kl_divergence)
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks = {'student': (network, inputs_of(task, batch['labelled']['weak']))}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled']['weak'], batch['unlabelled']['weak']
        clean = inputs_of(task, unlabelled)
        labelled_key, noise_key, direction_key = jax.random.split(key, 3)

        def run(inputs, params=params):
            student = student_of(params, state.stats)
            return network.apply(student, inputs, train=True, key=noise_key)[0]

        on_labels, stats = network.apply(
            student_of(params, state.stats),
            inputs_of(task, labelled),
            train=True,
            key=labelled_key,
        )
        answer = run(clean)
        fixed = jax.lax.stop_gradient(params)
        attack = adversarial.virtual(
            lambda inputs: run(inputs, fixed)['logits'],
            clean,
            direction_key,
            size=size,
            iterations=iterations,
        )
        lesson = targets.from_prediction(task.decode(answer))
        supervised = supervised_terms(task, on_labels, labelled)
        unsupervised = consistency_terms(task, run(attack), lesson, 'all')
        doubt = losses.masked_mean(losses.entropy(answer['logits']))

        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        loss += value(entropy_weight, state.step) * doubt
        metrics = {
            **loss_metrics(supervised, unsupervised, {'entropy': doubt}),
            'weight': ramp,
        }
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
