"""SimCLR: two views of an image find each other among all others; no label is read."""

from __future__ import annotations

from ssljax import losses
from ssljax.contracts import InputError, Method, Network, Stream, Task, inputs_of
from ssljax.methods import projection
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    forward,
    loss_metrics,
    student_of,
    task_of,
)


def simclr(
    network: Network,
    optimizer: Optimizer,
    *,
    projector: Network | None = None,
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

    The first version throws the projector away, and it is a network of its own here.
    The second one goes on from its middle, and so it is a part of the network:
    ``models.projected``, of which later stages take over as much as they like.

    Args:
      network: answers 'features' [U, D], or without a projector 'embedding' [U, any].
      optimizer: one for both, or {'student': ..., 'projector': ...}.
      projector: eats features, answers 'logits' [U, any]; None is the network's own.
      task: or ``num_classes``; only its inputs count.
      num_classes: C.
      temperature: > 0; 0.1 for ImageNet and 0.5 for CIFAR in the papers.
      ratio: rows for each row of batch_size; every other row is a negative.

    Raises:
      InputError: when traced, if the network has neither.

    Source: Chen et al. 2020, arXiv 2002.05709 and 2006.10029 (v2).
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    views = ('strong', 'strong2')

    def init(key, batch, given=None):
        inputs = inputs_of(task, batch['unlabelled'][views[0]])
        both = {'student': (network, inputs)}
        if projector is not None:
            both = projection.networks(network, projector, inputs)
        return start(key, both, optimizer, given or {})

    def embed(params, stats, seen, key):
        if projector is not None:
            return projection.embed(
                network, projector, params, stats, seen, joint=True, key=key
            )
        student = student_of(params, stats)
        found, moved = forward(network, student, seen, joint=True, train=True, key=key)
        if 'embedding' not in found[0]:
            raise InputError(
                f"The network answers {sorted(found[0])} and no 'embedding'; give a "
                'projector, or put one on the network by models.projected.'
            )
        return found, {'student': moved}

    def objective(params, state, batch, key):
        seen = [inputs_of(task, batch['unlabelled'][view]) for view in views]
        (one, two), stats = embed(params, state.stats, seen, key)
        loss = losses.nt_xent(
            one['embedding'], two['embedding'], temperature=temperature
        )
        return loss, Aux(loss_metrics({'contrastive': loss}), stats)

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=answers(network, None)['student'],
        needs={'unlabelled': Stream(task.inputs, views, ratio)},
    )
