"""TSAL: a radical student of several sources, a calm teacher of one, on clips."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    PyTree,
    Schedule,
    State,
    Stream,
    Task,
    Variables,
)
from ssljax.losses import flow as flow_losses
from ssljax.losses.reduce import masked_mean
from ssljax.methods import joint
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answer_of,
    check_choice,
    check_clips,
    check_shares,
    choose,
    loss_metrics,
    supervised_terms,
)
from ssljax.methods.tracking import astray, tracking
from ssljax.methods.two_update import average
from ssljax.schedules import value
from ssljax.solvers import heatmaps

WHO = ('student', 'teacher')


def tsal(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    tracker: Network | None = None,
    known_flow: bool = False,
    decay: float | Schedule = 0.6,
    both_ways: bool = False,
    fusion: float = 0.5,
    weight: float | Schedule = 1.0,
    student_weight: float = 0.1,
    teacher_weight: float = 1.0,
    tracker_weight: float = 0.0,
    smoothness: float = 1e-6,
    failing: float = 0.0,
    fails: str = 'tracker',
    radius: int = 4,
    top: int = 32,
    ratio: float = 1.0,
    ship: str = 'teacher',
) -> Method:
    r"""Learns landmarks in clips, of which few frames, or few clips, are annotated.

    A tracker foretells each frame from its neighbour, :math:`\hat x`. Both networks
    learn from labels. Beside them, in unlabelled clips too, the teacher learns from one
    source, its own heatmaps on the foretold frame, and the student from two,

    .. math:: y = \mu\,L_h(\hat x) + (1 - \mu)\,L_c(\hat x),

    the soft-argmax of its heatmaps and, of the candidates that its centres and offsets
    make, the one nearest to that. Then the teacher is filtered by the student's path,

    .. math:: \theta_T \leftarrow \lambda\theta_T + (1 - \lambda)\theta_S .

    Args:
      network: of both, which start alike (as two trackers do, too), as from one network
        trained before; of clips
        (``models.per_frame``), answering 'heatmaps', 'centre' and 'offsets'.
      optimizer: one transformation for all networks, or one each by name: 'student',
        'teacher', and of the trackers 'student_tracker', 'teacher_tracker'.
      task: ``tasks.landmarks`` with a ``clip`` and, unless ``fusion`` is 1, a centre.
      tracker: network of the flow between frames (``models.flow_cnn``), trained before
        by ``unsupervised_flow`` and handed to ``init`` as ``given['tracker']``. None,
        and no ``known_flow``: a frame foretells itself.
      known_flow: takes the flow that clips come with, ``flow`` [T - 1, H, W, 2].
      decay: lambda in [0, 1]; 0 makes the teacher a copy of the student, 1 leaves two
        networks that never meet.
      both_ways: as released, the student is first averaged with the teacher, by the
        same lambda; else, as in the paper, only the teacher moves.
      fusion: mu in [0, 1]; 1 is heatmaps alone, 0 the centre alone.
      weight: w, of both unlabelled losses, a schedule as a rule.
      student_weight: of the student's, a mean square in pixels.
      teacher_weight: of the teacher's, half the squared distance of its heatmaps, a sum
        over cells and stages as in the labelled loss (the official code takes the mean
        there, which leaves next to nothing of it).
      tracker_weight: of the same distance as a loss of the trackers, of which there
        are two then, each before its own network; 0 leaves one as it was given. Of the
        frames that are foretold forward, at full size, where the release goes both ways
        and over the levels of a pyramid.
      smoothness: of their flow's, times 50, and of its length; with a tracker_weight.
      failing: share of the clips' frames in which a source fails: it is off by up to a
        quarter of the side in each direction. For the proof that the teacher filters
        such noise.
      fails: which: 'tracker', from which both networks learn; or 'centre', of the
        student's target alone.
      radius: of the soft-argmax, in cells.
      top: candidates of a centre map.
      ratio: unlabelled clips for each labelled one.
      ship: whose weights ``predict`` uses; the official code evaluates the teacher.

    Raises:
      InputError: if trackers are given in two ways, numbers are outside of their
        ranges, or (when traced) clips or answers do not fit.

    Source: arXiv 2012.06711 (2020) as it is meant: tracked frames stand beside the
    frames that they foretell, all places are in pixels, each clip by itself.
    """
    check_shares(fusion=fusion, failing=failing, decay=decay)
    check_choice('fails', fails, ('tracker', 'centre'))
    check_clips(task)
    lost = failing if fails == 'tracker' else 0.0
    follow = tracking(tracker, known=known_flow, failing=lost)
    learns = tracker is not None and tracker_weight > 0
    found = {who: answer_of(network, who) for who in WHO}
    ship = choose(ship, found)
    fields = ('image', *follow.fields)

    def init(key, batch, given=None):
        clips = batch['labelled']['weak']['image']
        networks: dict[str, Any] = {who: (network, clips) for who in WHO}
        given, frozen = dict(given or {}), {}
        if learns:
            names = [f'{who}_tracker' for who in WHO]
            networks |= {name: (tracker, clips) for name in names}
            if 'tracker' in given:
                both = given.pop('tracker')
                given = {name: both for name in names} | given
        elif tracker is not None:
            if 'tracker' not in given:
                raise InputError(
                    "given has no 'tracker', which shall stay as it was trained; pass "
                    'its Variables, or give a tracker_weight.'
                )
            frozen['tracker'] = given['tracker']
        twins = {'teacher': 'student', 'teacher_tracker': 'student_tracker'}
        return start(key, networks, optimizer, given, frozen=frozen, alike=twins)

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled']['weak'], batch['unlabelled']['weak']
        streams = [{x: part[x] for x in fields} for part in (labelled, unlabelled)]
        clips = joint.join(streams)
        ramp = value(weight, state.step)
        supervised: dict[str, Array] = {}
        unsupervised, tracked, stats = {}, {}, {}
        for who, one in zip(WHO, jax.random.split(key, len(WHO)), strict=True):
            noise, chance = jax.random.split(one)
            outputs, stats[who] = network.apply(
                Variables(params[who], state.stats[who]),
                clips['image'],
                train=True,
                key=noise,
            )
            eyes = state.frozen.get('tracker')
            if learns:
                name = f'{who}_tracker'
                eyes = Variables(params[name], state.stats[name])
            moved, flow = follow.foretell(eyes, clips, chance)
            # What is learnt from it is the tracker's alone.
            still = jax.lax.stop_gradient(params[who])
            seen, _ = network.apply(
                Variables(still, state.stats[who]), moved, train=True, key=noise
            )
            lesson = jax.tree.map(jax.lax.stop_gradient, seen)
            own = jax.tree.map(lambda x: x[:, follow.frames], outputs)
            if who == 'teacher':
                term = teacher_weight * _apart(own['heatmaps'], lesson['heatmaps'])
            else:
                stride = clips['image'].shape[2] // own['heatmaps'].shape[-3]
                number = task.example['landmarks'].shape[-2]
                places, _ = heatmaps.soft_argmax(
                    own['heatmaps'][..., -1, :, :, :number], stride, radius=radius
                )
                target = fused(lesson, stride, number, fusion, radius=radius, top=top)
                if failing and fails == 'centre':
                    most = min(clips['image'].shape[2:4]) / 4
                    off = astray(chance, target, failing, most)[:, :, None]
                    target += (1 - fusion) * off
                squares = losses.coordinate_squares(places, target)
                term = student_weight * masked_mean(squares.mean((1, 2)))
            unsupervised[f'{who}_tracked'] = term
            if learns:
                wanted = jax.lax.stop_gradient(own['heatmaps'])
                tracked[f'{who}_tracker'] = tracker_weight * ramp * _apart(
                    seen['heatmaps'], wanted
                ) + smoothness * _unsteady(flow, clips['image'][:, follow.frames])
            supervised |= {
                f'{who}_{name}': term
                for name, term in supervised_terms(
                    task,
                    joint.split(outputs, like=streams)[0],
                    labelled,
                    labelled['annotated'].sum(-1).astype(jnp.float32),
                ).items()
            }
        if fusion < 1 and 'student_centre' not in supervised:
            raise InputError(
                f'fusion is {fusion}, but the task teaches {sorted(supervised)}: give '
                'it a centre, or fusion 1.'
            )
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        loss += sum(tracked.values())
        metrics = loss_metrics(supervised, unsupervised, tracked) | {'weight': ramp}
        return loss, Aux(metrics, stats)

    pairs = [('teacher', 'student')]
    if learns:
        pairs.append(('teacher_tracker', 'student_tracker'))

    def second(state: State) -> State:
        return average(state, decay, pairs, both_ways=both_ways)

    return Method(
        init=init,
        step=learner(objective, optimizer, second),
        predict=found[ship],
        needs={
            'labelled': Stream((*task.example, *follow.fields), ('weak',)),
            'unlabelled': Stream(fields, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def fused(
    outputs: PyTree,
    stride: int,
    number: int,
    fusion: float,
    *,
    radius: int = 4,
    top: int = 32,
) -> Array:
    """Returns the places that two sources of one network agree on.

    Args:
      outputs: 'heatmaps' [..., S, h, w, C]; with a fusion below 1 also 'centre' [...,
        h, w, 1] and 'offsets' [..., h, w, 2K].
      stride: pixels a cell.
      number: K.
      fusion: share of the heatmaps' places.
      radius: of the soft-argmax, in cells.
      top: candidates of a centre map.

    Returns:
      [..., K, 2] float32 in pixels.
    """
    last = outputs['heatmaps'][..., -1, :, :, :number]
    places, _ = heatmaps.soft_argmax(last, stride, radius=radius)
    if fusion == 1:
        return places
    if 'centre' not in outputs:
        raise InputError(
            f'fusion is {fusion}, but the network answers {sorted(outputs)}: build it '
            'with a centre, or give fusion 1.'
        )
    candidates = heatmaps.centre_candidates(
        outputs['centre'], outputs['offsets'], stride, top=top
    )
    chosen, _ = heatmaps.agree(*candidates, places)
    return fusion * places + (1 - fusion) * chosen


def _apart(stages: Array, target: Array) -> Array:
    """Half the squared distance of heatmaps [B, T, S, h, w, C], stage by stage."""
    squares = 0.5 * jnp.sum((stages - target) ** 2, axis=(2, 3, 4))
    return masked_mean(squares.mean((1, 2)))


def _unsteady(flow: Array, images: Array) -> Array:
    unsteady = flow_losses.edge_aware_smoothness(flow, images)
    return masked_mean((50 * unsteady + jnp.abs(flow).mean((-3, -2, -1))).mean(1))
