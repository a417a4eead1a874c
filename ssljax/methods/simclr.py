"""SimCLR: two views of an image find each other among all others; no label is read."""

from __future__ import annotations

from ssljax import losses
from ssljax.contracts import Method, Network, Stream, Task, inputs_of
from ssljax.methods import projection
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import answers, loss_metrics, task_of


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
        both = projection.networks(network, projector, inputs)
        return start(key, both, optimizer, given or {})

    def objective(params, state, batch, key):
        seen = [inputs_of(task, batch['unlabelled'][view]) for view in views]
        (one, two), stats = projection.embed(
            network, projector, params, state.stats, seen, joint=True, key=key
        )
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
