"""Supervision by registration: landmarks of neighbouring frames follow the greys."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ssljax.contracts import (
    Array,
    Method,
    Network,
    Schedule,
    Stream,
    Task,
    Teacher,
)
from ssljax.losses.reduce import masked_mean
from ssljax.methods import joint
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    check_clips,
    choose,
    follow,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
)
from ssljax.schedules import value
from ssljax.solvers import heatmaps, lucas_kanade


def sbr(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    weight: float | Schedule = 0.2,
    least_score: float = 0.3,
    most_error: float = 1.0,
    most_move: float = 2.0,
    window: int = 8,
    tracks: int = 20,
    radius: int = 4,
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Asks landmarks of a frame to be where Lucas-Kanade carries those of the next.

    .. math:: L = L_\mathrm{sup} + \lambda \frac1n \sum_t \sum_k v_{tk} \left(
        \|p_{t+1,k} - F(p_{t,k})\| + \|p_{t,k} - B(p_{t+1,k})\| \right)

    over the n pairs of frames and landmarks of labelled and unlabelled clips. The
    tracked places F and B are no one's to change; v keeps what both frames are sure of
    and the tracker finds back.

    Args:
      network: of clips (``models.per_frame``), answering 'heatmaps'.
      optimizer: an optax transformation.
      task: ``tasks.landmarks`` with a ``clip``.
      weight: lambda, of distances in pixels.
      least_score: of a heatmap's peak, in both frames.
      most_error: pixels by which the track there and back may miss its beginning.
      most_move: pixels that a landmark may move from one frame to the next.
      window: radius of the tracker's, in pixels.
      tracks: steps of the tracker.
      radius: of the soft-argmax, in cells.
      ratio: unlabelled clips for each labelled one.
      teacher: averages the student, for evaluation.
      ship: whose weights ``predict`` uses; default the teacher where there is one.

    Raises:
      InputError: if the task is of single images, or of clips of one frame.

    Source: Dong et al. 2018 (Supervision-by-Registration), arXiv 1807.00966. There it
    follows a detector that is trained on labels alone; give that one to ``init``.
    """
    check_clips(task)
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks: dict[str, Any] = {
            'student': (network, batch['labelled']['weak']['image'])
        }
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        labelled = batch['labelled']['weak']
        streams = [labelled['image'], batch['unlabelled']['weak']['image']]
        clips = joint.join(streams)
        student = student_of(params, state.stats)
        outputs, stats = network.apply(student, clips, train=True, key=key)
        stages = outputs['heatmaps']
        places, score = heatmaps.soft_argmax(
            stages[..., -1, :, :, : task.example['landmarks'].shape[-2]],
            clips.shape[2] // stages.shape[-3],
            radius=radius,
        )
        sure = score >= least_score
        sure = sure[:, :-1] & sure[:, 1:]  # both frames
        there = apart(clips[:, :-1], clips[:, 1:], places[:, :-1], places[:, 1:])
        back = apart(clips[:, 1:], clips[:, :-1], places[:, 1:], places[:, :-1])
        kept = [sure & ok for _, ok in (there, back)]
        ways = [
            masked_mean(far, counted.astype(jnp.float32))
            for (far, _), counted in zip((there, back), kept, strict=True)
        ]
        supervised = supervised_terms(
            task,
            joint.split(outputs, like=streams)[0],
            labelled,
            labelled['annotated'].sum(-1).astype(jnp.float32),
        )
        ramp, both = value(weight, state.step), ways[0] + ways[1]
        loss = sum(supervised.values()) + ramp * both
        metrics = loss_metrics(supervised, {'registration': both}) | {
            'utilisation': jnp.mean(jnp.stack(kept), dtype=jnp.float32),
            'weight': ramp,
        }
        return loss, Aux(metrics, {'student': stats})

    def apart(
        first: Array, second: Array, begin: Array, end: Array
    ) -> tuple[Array, Array]:
        """How far places are from where the tracker ends, and whether it is trusted."""
        begin = jax.lax.stop_gradient(begin)
        tracked, error = lucas_kanade.both_ways(
            first, second, begin, radius=window, steps=tracks
        )
        target = jax.lax.stop_gradient(tracked.points)
        moved = _length(target - begin)
        trusted = tracked.ok & (error <= most_error) & (moved <= most_move)
        return _length(end - target), trusted

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(('image',), ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def _length(vector: Array) -> Array:
    """[..., 2] to [...], with a slope of 0 at 0."""
    return jnp.sqrt(jnp.sum(vector**2, axis=-1) + 1e-12)
