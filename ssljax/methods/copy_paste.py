"""Copy-paste of labelled examples alone: how BCP's networks begin."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Array,
    Method,
    Network,
    Outputs,
    Stream,
    Task,
    Teacher,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    follow,
    loss_metrics,
    remember,
    student_of,
)
from ssljax.views import regions

FIELDS = ('image', 'mask')


def copy_paste(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    share: float = 2 / 3,
    by_example: bool = False,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    """Learns from labelled images into which a box of other ones is pasted.

    Both parts of the mixture are taught by themselves, see ``region_terms``.

    Args:
      network: any that answers 'logits' of sites.
      optimizer: an optax transformation.
      task: ``tasks.segmentation``.
      share: of each side that the box has, one box a batch.
      by_example: see ``region_terms``.
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: the pre-training of Bai et al. 2023 (BCP), arXiv 2305.00673.
    """
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks = {'student': (network, batch['labelled']['weak']['image'])}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        box_key, own_key = jax.random.split(key)
        first, other = (
            {name: batch[stream]['weak'][name] for name in FIELDS}
            for stream in ('labelled', 'partner_labelled')
        )
        box = regions.one_box(box_key, first['mask'].shape[1:], share=share)
        mixed = regions.filled(first, other, box)
        outputs, stats = network.apply(
            student_of(params, state.stats), mixed['image'], train=True, key=own_key
        )
        terms = region_terms(
            task, outputs, mixed['mask'], box, (1.0, 1.0), by_example=by_example
        )
        return sum(terms.values()), Aux(loss_metrics(terms), {'student': stats})

    stream = Stream(tuple(task.example), ('weak',))
    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={'labelled': stream, 'partner_labelled': stream},
        answers=found,
        ship=ship,
    )


def region_terms(
    task: Task,
    outputs: Outputs,
    mask: Array,
    box: Array,
    weights: Sequence[float | Array],
    *,
    by_example: bool = False,
) -> dict[str, Array]:
    r"""Returns BCP's loss of a mixture, its cross-entropy and its Dice, [] each.

    .. math:: R = \sum_r \frac{w_r}2 (\mathrm{CE}_r + \mathrm{Dice}_r)

    over the two regions r, around the box and inside: a small one counts no less.

    Args:
      task: ``tasks.segmentation``.
      outputs: on the mixture.
      mask: of it, [B, *S] int; ``contracts.IGNORED`` is left out.
      box: [1 or B, *S] bool.
      weights: w around the box, and inside.
      by_example: Dice of plain sums of each example, as the 3D code has it, instead of
        squares of the batch; both are means over all classes.

    Source: Bai et al. 2023, arXiv 2305.00673, equations 5 to 7 and ``mix_loss``.
    """
    known, probs = losses.site_weights(mask), task.decode(outputs)
    apart = losses.cross_entropy(outputs['logits'], mask)
    terms = {'cross_entropy': jnp.zeros(()), 'dice': jnp.zeros(())}
    for region, weight in zip((~box, box), weights, strict=True):
        sites = known * region
        dice = losses.dice_loss(
            probs, mask, sites, squared=not by_example, smooth=1e-10, each=by_example
        )
        entropy = losses.masked_mean(apart, sites, over='kept')
        terms['cross_entropy'] += 0.5 * weight * entropy
        terms['dice'] += 0.5 * weight * losses.masked_mean(dice)
    return terms
