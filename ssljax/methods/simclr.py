"""SimCLR: two views of an image find each other among all others; no label is read."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    InputError,
    Method,
    Network,
    Outputs,
    Stream,
    Task,
    Variables,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import answers, forward, loss_metrics, student_of, task_of


def simclr(
    network: Network,
    projector: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    temperature: float = 0.5,
    ratio: float = 1.0,
) -> Method:
    r"""Learns features to fine-tune: the first stage of SimCLRv2.

    .. math:: L = \mathrm{NTXent}\big(g(h(s_i)),\, g(h(s'_i))\big)

    with two strong views, the network's features h and the projector g. Both views
    share one forward pass, so one set of batch statistics. The network's head gets no
    gradient, and no answer is scored: ``answers`` is empty.

    Args:
      network: answers 'features' [U, D].
      projector: eats features, answers 'logits' [U, any]; thrown away afterwards.
      optimizer: one for both, or {'student': ..., 'projector': ...}.
      task: or ``num_classes``; only its inputs count.
      num_classes: C.
      temperature: > 0; 0.1 for ImageNet and 0.5 for CIFAR in the papers.
      ratio: rows for each row of batch_size; every other row is a negative.

    Raises:
      InputError: when traced, if the network has no features [U, D].

    Source: Chen et al. 2020, arXiv 2002.05709 and 2006.10029 (v2). Departs from v2 in
    that fine-tuning starts from h, not from the projector's first layer.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    views = ('strong', 'strong2')

    def init(key, batch, given=None):
        inputs = inputs_of(task, batch['unlabelled'][views[0]])

        def run(key):
            return network.apply(network.init(key, inputs), inputs, train=True)[0]

        features = _features(jax.eval_shape(run, key))
        networks = {
            'student': (network, inputs),
            'projector': (projector, jnp.zeros(features.shape, features.dtype)),
        }
        return start(key, networks, optimizer, given or {})

    def objective(params, state, batch, key):
        network_key, projector_key = jax.random.split(key)
        seen = [inputs_of(task, batch['unlabelled'][view]) for view in views]
        outputs, stats = forward(
            network,
            student_of(params, state.stats),
            seen,
            joint=True,
            train=True,
            key=network_key,
        )
        projected, moved = forward(
            projector,
            Variables(params['projector'], state.stats['projector']),
            [answer['features'] for answer in outputs],
            joint=True,
            train=True,
            key=projector_key,
        )
        loss = losses.nt_xent(
            *(answer['logits'] for answer in projected), temperature=temperature
        )
        stats = {'student': stats, 'projector': moved}
        return loss, Aux(loss_metrics({'contrastive': loss}), stats)

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=answers(network, None)['student'],
        needs={'unlabelled': Stream(task.inputs, views, ratio)},
    )


def _features(outputs: Outputs) -> jax.ShapeDtypeStruct:
    shape = getattr(outputs.get('features'), 'shape', None)
    if shape is None or len(shape) != 2:
        raise InputError(
            f"The network answers {sorted(outputs)}, 'features' of shape {shape}; "
            'contrastive learning needs them as [U, D].'
        )
    return outputs['features']
