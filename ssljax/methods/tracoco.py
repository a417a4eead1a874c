"""TraCoCo: two networks that must not lean on where a crop happens to lie."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax import losses, shards, views
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Schedule,
    Stream,
    Task,
    Variables,
)
from ssljax.methods.disturbed import disturbed
from ssljax.methods.joint import join, split
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answer_of,
    choose,
    loss_metrics,
    supervised_terms,
)
from ssljax.schedules import value
from ssljax.views import mixing, regions

STUDENTS = ('student', 'partner')


def tracoco(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    view: str = 'crops',
    mixed: Sequence[str] = ('partner',),
    alpha: float = 4.0,
    noise: float = 0.2,
    threshold: float = 0.65,
    lowest: float = 0.1,
    translation_weight: float = 0.3,
    saddle_weight: float = 0.1,
    weight: float | Schedule = 1.0,
    ratio: float = 1.0,
    ship: str = 'student',
) -> Method:
    r"""Cross pseudo-labels of two networks, each the same on crops that overlap.

    .. math:: L_f = L_\mathrm{sup}(f(v)) + \lambda(t) \big(\ell_+ + \ell_-
        + \lambda_t \textstyle\sum_i d_i + \lambda_s\, \mathrm{mean}_i\, s_i\big)

    with ``losses.confident_pair`` :math:`\ell_\pm` of f(v) to the other network's g(v)
    on the unlabelled rows, and ``losses.overlap_agreement`` d, s of f(v) and f(v') on
    all rows, where the crops v and v' see the same. All inputs that are taught have
    noise of their own.

    Args:
      network: of both; they start from different random weights.
      optimizer: one transformation for both, or {'student': ..., 'partner': ...}.
      task: ``tasks.segmentation``, in the paper with ``background=False`` for one
        class.
      view: that ends with ``views.overlapping_crops``.
      mixed: of which networks the unlabelled crops, and the lesson, have a column of
        another row pasted in (CutMix); the second one's as for the left atrium, both
        for the heart of ACDC. Sites that were pasted over do not count in d and s.
      alpha: of its Beta distribution.
      noise: uniform, at most so much; 0.05 for ACDC.
      threshold: of the positive term.
      lowest: of the negative term.
      translation_weight: :math:`\lambda_t`; the sum over rows grows with the batch, 4
        in the paper.
      saddle_weight: :math:`\lambda_s`; 0.01 for ACDC.
      weight: lambda, in the paper a ramp to 1, or 0.3 with the fewest labels.
      ratio: unlabelled rows for each labelled one.
      ship: whose weights ``predict`` uses: 'student' or 'partner'.

    Raises:
      InputError: if ``mixed`` names no network; when traced, if the view has no
        'neighbour'.

    Source: Liu et al. 2022 (TraCoCo), arXiv 2203.14523; yyliu01/TraCoCo.
    """
    unknown = set(mixed) - set(STUDENTS)
    if unknown:
        raise InputError(f'mixed has {sorted(unknown)}; give some of {STUDENTS}.')
    found = {name: answer_of(network, name) for name in STUDENTS}
    ship = choose(ship, found)

    def init(key, batch, given=None):
        example = batch['labelled'][view]['image']
        networks = {name: (network, example) for name in STUDENTS}
        return start(key, networks, optimizer, given or {})

    def objective(params, state, batch, key):
        parts = [batch[name][view] for name in ('labelled', 'unlabelled')]
        if 'neighbour' not in parts[1]:
            raise InputError(
                f'The view {view!r} has {sorted(parts[1])} and no neighbour; let it '
                'end with overlapping_crops.'
            )
        labelled, unlabelled = parts
        paste_key, *keys = jax.random.split(key, 3)

        def run(name, images, key, params=params):
            variables = Variables(params[name], state.stats[name])
            return network.apply(variables, images, train=True, key=key)

        fixed = jax.lax.stop_gradient(params)
        pasting = Pasting(paste_key, unlabelled['image'], alpha)
        neighbours = join([x['neighbour'] for x in parts])
        offsets = join([x['offset'] for x in parts])
        supervised: dict[str, Array] = {}
        crossed: dict[str, Array] = {}
        stats = {}
        for name, other, own in zip(STUDENTS, reversed(STUDENTS), keys, strict=True):
            own_key, next_key, *noise_keys = jax.random.split(own, 4)
            image, covered = unlabelled['image'], jnp.zeros_like(pasting.region)
            lesson = run(other, image, None, fixed)[0]['logits']
            if name in mixed:
                image, lesson = pasting(image), pasting(lesson)
                covered = pasting.region
            seen = [labelled['image'], image]
            crops = disturbed(noise_keys[0], join(seen), noise, kind='uniform')
            around = disturbed(noise_keys[1], neighbours, noise, kind='uniform')
            first, stats[name] = run(name, crops, own_key)
            second, _ = run(name, around, next_key)

            on_labels, taught = split(first, like=seen)
            for term, x in supervised_terms(task, on_labels, labelled).items():
                supervised[f'{name}_{term}'] = x
            terms = losses.confident_pair(
                taught['logits'], lesson, threshold=threshold, lowest=lowest
            )
            moved, both = views.overlap(second['logits'], offsets)
            clear = join([jnp.zeros(labelled['image'].shape[:-1], bool), covered])
            apart, sure = losses.overlap_agreement(
                first['logits'], moved, both & ~clear
            )
            terms['translation'] = translation_weight * losses.masked_mean(
                apart, over=1.0
            )
            terms['saddle'] = saddle_weight * losses.masked_mean(sure)
            crossed |= {f'{name}_{term}': x for term, x in terms.items()}

        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(crossed.values())
        metrics = {**loss_metrics(supervised, crossed), 'weight': ramp}
        return loss, Aux(metrics, stats)

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), (view,)),
            'unlabelled': Stream(task.inputs, (view,), ratio),
        },
        answers=found,
        ship=ship,
    )


class Pasting:
    """Columns of the batch's rows in another order, the same for images and answers."""

    def __init__(self, key: Array, images: Array, alpha: float):
        order_key, box_key = jax.random.split(key)
        rows = len(images) * shards.count(images)
        own = shards.row_numbers(len(images), like=images)
        self.others = mixing.partners(order_key, rows)[own]
        shape = images.shape[1:-1]
        self.region = regions.columns(box_key, rows, shape, alpha=alpha)[own]

    def __call__(self, maps: Array) -> Array:
        """Returns [U, *S, ...] with the columns of other rows, of all devices."""
        others = shards.gather(maps)[self.others]
        return regions.filled({'maps': maps}, {'maps': others}, self.region)['maps']
