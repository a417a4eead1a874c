"""BCP: boxes of labelled images in unlabelled ones, and the other way round."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import solvers
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
from ssljax.methods.copy_paste import FIELDS, region_terms
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    follow,
    loss_metrics,
    remember,
    student_of,
)
from ssljax.schedules import value
from ssljax.teachers import ema
from ssljax.views import regions


def bcp(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    share: float = 2 / 3,
    weight: float | Schedule = 0.5,
    largest: bool = True,
    outward: bool = True,
    inward: bool = True,
    by_example: bool = False,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Mean Teacher whose student sees only mixtures of labelled and unlabelled images.

    .. math:: z_1 = x_a \odot M + u_a \odot (1 - M), \quad
        z_2 = u_b \odot M + x_b \odot (1 - M), \quad L = R(z_1) + R(z_2)

    with M 0 in one box for the batch. The labelled region of each counts 1, the other
    one, whose mask is the largest component of every class in the teacher's answer,
    counts alpha. Start it from ``copy_paste``.

    Args:
      network: any that answers 'logits' of sites.
      optimizer: an optax transformation.
      task: ``tasks.segmentation``.
      share: of each side that the box has.
      weight: alpha.
      largest: whether only the largest components are believed.
      outward: whether z_1 is taught.
      inward: whether z_2 is; one of the two at least.
      by_example: see ``copy_paste.region_terms``.
      teacher: default ``ema(0.99, stats='average')``, as the 2D code has it; the 3D one
        averages parameters only.
      ship: whose weights ``predict`` uses, default 'teacher'; the official code scores
        the student.

    Raises:
      InputError: if both are False; when traced, for a share outside of (0, 1).

    Source: Bai et al. 2023, arXiv 2305.00673. In its 2D script the roles of the images
    in z_1 are changed.
    """
    if not (outward or inward):
        raise InputError('outward and inward are both False; teach at least one.')
    teacher = teacher or ema(0.99, stats='average')
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks = {'student': (network, batch['labelled']['weak']['image'])}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        box_key, *keys = jax.random.split(key, 5)
        slow = teacher.variables(state.memory['teacher'])

        def answered(stream: str, key: Array) -> dict[str, Array]:
            image = batch[stream]['weak']['image']
            answer, _ = network.apply(slow, image, train=True, key=key)
            probs = jax.lax.stop_gradient(task.decode(answer))
            mask = jnp.argmax(probs, axis=-1).astype(jnp.int32)
            if largest:
                mask = solvers.largest_of_classes(mask, probs.shape[-1])
            return {'image': image, 'mask': mask}

        def labelled(stream: str) -> dict[str, Array]:
            return {name: batch[stream]['weak'][name] for name in FIELDS}

        alpha = value(weight, state.step)
        size = batch['labelled']['weak']['mask'].shape[1:]
        box = regions.one_box(box_key, size, share=share)
        mixtures: dict[str, tuple[dict, dict, tuple]] = {}
        if outward:
            inside = answered('unlabelled', keys[0])
            mixtures['out'] = labelled('labelled'), inside, (1.0, alpha)
        if inward:
            around = answered('partner_unlabelled', keys[1])
            mixtures['in'] = around, labelled('partner_labelled'), (alpha, 1.0)

        terms: dict[str, Array] = {}
        student = student_of(params, state.stats)
        for own_key, (name, mixture) in zip(keys[2:], mixtures.items(), strict=False):
            around, inside, weights = mixture
            mixed = regions.filled(around, inside, box)
            outputs, stats = network.apply(
                student, mixed['image'], train=True, key=own_key
            )
            student = student._replace(stats=stats)
            own = region_terms(
                task, outputs, mixed['mask'], box, weights, by_example=by_example
            )
            terms |= {f'{name}_{term}': x for term, x in own.items()}
        metrics = {**loss_metrics(terms), 'weight': alpha}
        return sum(terms.values()), Aux(metrics, {'student': student.stats})

    known = Stream(tuple(task.example), ('weak',))
    asked = Stream(task.inputs, ('weak',))
    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': known,
            'partner_labelled': known,
            'unlabelled': asked,
            'partner_unlabelled': asked,
        },
        answers=found,
        ship=ship,
    )
