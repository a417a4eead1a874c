"""POST: a pose network moves to another domain without its source data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ssljax import losses, views
from ssljax.contracts import (
    Evidence,
    InputError,
    Method,
    Network,
    PyTree,
    Schedule,
    Stream,
    Task,
    Teacher,
)
from ssljax.methods.learner import Aux, Optimizer, gradient_step, start
from ssljax.methods.parts import (
    answers,
    choose,
    follow,
    loss_metrics,
    remember,
    student_of,
    utilisation,
)
from ssljax.models.pose_prior import BONES, check_bones, orientations
from ssljax.schedules import value
from ssljax.solvers import heatmaps
from ssljax.targets import chain, from_prediction
from ssljax.targets.landmarks import rectify, surest
from ssljax.views import joints


def post(
    network: Network,
    optimizer: Optimizer,
    *,
    prior: Network | None = None,
    task: Task,
    teacher: Teacher,
    bones: Sequence[tuple[int, int]] = BONES,
    share: float = 0.5,
    sigma: float = 2.0,
    feature_weight: float | Schedule = 1e-6,
    prior_weight: float | Schedule = 1e-6,
    threshold: float = 0.9,
    occluded: float = 0.5,
    still: Sequence[str] = (),
    ship: str | None = None,
) -> Method:
    r"""Adapts a trained pose network to unlabelled images of another domain.

    .. math:: L = L_c + \lambda_b L_b + \lambda_p L_p

    Student and teacher see views of their own, both answers are carried back to the
    image as it was. There L_c draws the student's heatmaps to clean Gaussians at the
    teacher's peaks, of the surer half of the batch; L_b (Barlow Twins) their pooled
    features to each other; L_p is the distance of the student's pose to those that are
    taken, by a prior of clean poses. The student's image has a joint covered.

    Args:
      network: of images, trained on the source, handed to ``init`` as
        ``given['student']``; answers 'heatmaps' and 'feature_map'.
      optimizer: an optax transformation.
      prior: ``models.pose_prior``, trained by ``pose_prior``, as ``given['prior']``;
        None for none.
      task: ``tasks.landmarks``, whose labels are not used.
      teacher: ``teachers.ema(0.999)`` in the paper, of parameters alone.
      bones: of the prior, pairs of the task's landmarks.
      share: of the batch's landmarks that are taught, the surest.
      sigma: of the clean Gaussians, in cells.
      feature_weight: lambda_b, with the 1e-3 that the release has inside of L_b.
      prior_weight: lambda_p, a schedule from a later step on in the paper.
      threshold: score of a joint that may be covered.
      occluded: probability that an image's joint is.
      still: top-level parameters of the student that stay as they came: the head, so
        that features keep their meaning.
      ship: whose weights ``predict`` uses; default the teacher's.

    Raises:
      InputError: if a bone names a landmark that there is not; by ``init``, if there
        is no ``given['student']``, or a prior and no ``given['prior']``, or a name of
        ``still`` is no parameter.

    Source: Raychaudhuri et al. 2023 (POST), arXiv 2308.13954. Both networks normalise
    by their batches, as in its code; its checkpoint is chosen on the target's test part
    there, and is the last here.
    """
    rule = chain(rectify(sigma), surest(share))
    occlude = joints.occlude_confident(threshold, probability=occluded)
    found = answers(network, teacher)
    ship = choose(ship, found)
    check_bones(bones, task.example['landmarks'].shape[-2])
    size = task.example['image'].shape[-3:-1]

    def init(key, batch, given=None):
        given, frozen = dict(given or {}), {}
        if 'student' not in given:
            raise InputError(
                "given has no 'student', the network that is to move; pass the "
                'Variables of one trained on the source.'
            )
        if prior is not None:
            if 'prior' not in given:
                raise InputError(
                    "given has no 'prior'; pass the Variables of one trained by "
                    'pose_prior, or leave prior out.'
                )
            frozen['prior'] = given['prior']
        unknown = set(still) - set(given['student'].params)
        if unknown:
            raise InputError(
                f'still has {sorted(unknown)}; the student has '
                f'{sorted(given["student"].params)}.'
            )
        networks: dict[str, Any] = {
            'student': (network, batch['unlabelled']['weak']['image'])
        }
        return start(
            key, networks, optimizer, given, memory=remember(teacher), frozen=frozen
        )

    def objective(params, state, batch, key):
        seen_by_teacher, seen = (batch['unlabelled'][v] for v in ('weak', 'strong'))
        cover, noise, rule_key = jax.random.split(key, 3)
        answer, _ = network.apply(
            teacher.variables(state.memory['teacher']),
            seen_by_teacher['image'],
            train=True,
        )
        answer = jax.tree.map(jax.lax.stop_gradient, answer)
        warps = seen_by_teacher.get('warp'), seen.get('warp')

        image = seen['image']
        if occluded:
            known = task.transport(task.decode(answer), *warps)
            image = occlude(cover, image, known['landmarks'], known['score'])
        params = {**params, 'student': _held(params['student'], still)}
        outputs, stats = network.apply(
            student_of(params, state.stats), image, train=True, key=noise
        )

        # Both as they would stand on the image itself, left and right as there.
        taught = task.transport(task.decode(outputs), warps[1], None)
        lesson = task.transport(task.decode(answer), warps[0], None)
        opinion = {name: lesson[name] for name in ('heatmaps', 'score')}
        evidence = Evidence(
            step=state.step, key=rule_key, index=batch['unlabelled']['index']
        )
        targets, _ = rule.update(
            from_prediction(opinion), rule.init(from_prediction(opinion)), evidence
        )
        apart = taught['heatmaps'] - targets.value['heatmaps']
        for one in (taught, lesson):  # what a view does not know is not taught
            apart *= one.get('seen', jnp.ones(apart.shape[:-1]))[..., None]
        squares = (apart**2).mean((1, 2))
        terms = {
            'consistency': losses.masked_mean(
                squares * jnp.asarray(targets.weight, jnp.float32)
            )
        }
        features = [
            views.align(
                jnp.asarray(x['feature_map'], jnp.float32), warp, None, shape=size
            )[0].mean((1, 2))
            for x, warp in ((outputs, warps[1]), (answer, warps[0]))
        ]
        terms['features'] = value(feature_weight, state.step) * losses.barlow_twins(
            *features, unbiased=True
        )
        if prior is not None:
            maps = taught['heatmaps']
            places, _ = heatmaps.soft_argmax(maps, size[0] // maps.shape[1])
            distance, _ = prior.apply(
                state.frozen['prior'], orientations(places, bones), train=False
            )
            terms['pose'] = value(prior_weight, state.step) * losses.masked_mean(
                distance['distance']
            )
        metrics = loss_metrics(terms) | {'utilisation': utilisation(targets)}
        return sum(terms.values()), Aux(metrics, {'student': stats})

    move, after = gradient_step(objective, optimizer), follow(teacher)

    def step(state, batch):
        new, metrics = move(state, batch, jax.random.fold_in(state.key, state.step))
        student = dict(new.params['student'])  # weight decay moves what has no gradient
        student |= {name: state.params['student'][name] for name in still}
        new = new._replace(params={**new.params, 'student': student})
        return after(new)._replace(step=state.step + 1), metrics

    return Method(
        init=init,
        step=step,
        predict=found[ship],
        needs={'unlabelled': Stream(('image',), ('weak', 'strong'))},
        answers=found,
        ship=ship,
    )


def _held(params: dict[str, PyTree], still: Sequence[str]) -> dict[str, PyTree]:
    return {
        name: jax.lax.stop_gradient(x) if name in still else x
        for name, x in params.items()
    }
