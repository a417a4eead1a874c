"""C3S3: two networks compete, the better one teaches, and contrast sharpens borders."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Outputs,
    PyTree,
    Schedule,
    Stream,
    Task,
    Variables,
    inputs_of,
)
from ssljax.losses.contrastive import unit
from ssljax.losses.region_contrast import region_contrast
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
from ssljax.targets.rules import sharpened

STUDENTS = ('student', 'partner')


def c3s3(
    network: Network,
    optimizer: Optimizer,
    *,
    projector: Network,
    partner: Network | None = None,
    task: Task,
    share: float = 0.8,
    temperature: float = 0.1,
    contrast_temperature: float = 0.1,
    agreement_weight: float = 1.0,
    contrast_weight: float = 2.0,
    masked: bool = False,
    noise: float = 0.1,
    weight: float | Schedule = 0.1,
    ratio: float = 1.0,
    ship: str = 'student',
) -> Method:
    r"""Of two networks, the one that is better on the batch's labels teaches the other.

    .. math:: L = \sum_f \Big(L_\mathrm{sup}(f) + \lambda_a L_\mathrm{cos}(f)\Big)
        + \lambda(t) \sum_k \mathrm{mean}\, (p_\mathrm{loser}(u_k) -
        \mathrm{sharpen}(p_\mathrm{winner}(u_k)))^2 + \lambda_c \sum_{k, l}
        L_\mathrm{iuc}(f_k, g_l)

    Each image is seen twice, with noise of its own; networks must agree with themselves
    (the cosine of the logits) and, where their masks agree, with each other: that
    contrast of embeddings is ``losses.region_contrast``. The winner has the lower
    :math:`\alpha\,\mathrm{CE} + (1 - \alpha)\,\mathrm{Dice}`; only the loser is drawn.

    Args:
      network: the student's, answers 'logits' [B, *S, C] and 'feature_map' [B, *S, D].
      optimizer: one transformation for all, or one by the names 'student', 'partner',
        'student_projector' and 'partner_projector'.
      projector: of [rows, D], answers 'logits': the embedding of a site. Each network
        has its own.
      partner: the other network; None is the same kind from other random weights. In
        the paper, a V-Net and a residual network.
      task: ``tasks.segmentation`` with the loss 'dice_ce', in the paper with
        ``background=False``.
      share: alpha in [0, 1]; 0.8 for the left atrium, 0.5 for the pancreas.
      temperature: of the winner's sharpening, above 0.
      contrast_temperature: above 0.
      agreement_weight: :math:`\lambda_a`; 0 for none.
      contrast_weight: :math:`\lambda_c`; the code counts the contrast in the losses of
        both networks, so 2; 0 for none.
      masked: see ``losses.region_contrast``.
      noise: deviation of what either view adds, clipped at twice of it.
      weight: lambda; in the paper a ramp up to 0.1, or 0.5 for the pancreas.
      ratio: unlabelled rows for each labelled one.
      ship: whose weights ``predict`` uses: 'student' or 'partner'.

    Raises:
      InputError: if share is none; when traced, if the task has other terms or
        temperature is not above 0.

    Source: C3S3 (2025), arXiv 2506.07368; Y-TARL/C3S3, which takes the cosine along the
    last axis of the volume, and not over classes as here.
    """
    if not 0 <= share <= 1:
        raise InputError(f'share is {share}; give a number in [0, 1].')
    both = {'student': network, 'partner': partner or network}
    found = {name: answer_of(one, name) for name, one in both.items()}
    ship = choose(ship, found)

    def init(key, batch, given=None):
        example = inputs_of(task, batch['labelled']['weak'])
        networks = {}
        for name, one in both.items():

            def run(key, one=one):
                return one.apply(one.init(key, example), example, train=True)[0]

            shape = jax.eval_shape(run, jax.random.key(0)).get('feature_map')
            if shape is None:
                raise InputError(
                    f"The {name} answers no 'feature_map', which embeddings are made "
                    'of; choose another network.'
                )
            features = jnp.zeros((len(example), shape.shape[-1]), shape.dtype)
            networks[name] = (one, example)
            networks[f'{name}_projector'] = (projector, features)
        return start(key, networks, optimizer, given or {})

    def embedded(name, params, stats, seen, key):
        """A network's answers with embeddings, and its statistics."""
        outputs, moved = both[name].apply(
            Variables(params[name], stats[name]), seen, train=True, key=key
        )
        features, head = outputs['feature_map'], f'{name}_projector'
        rows, moved_too = projector.apply(
            Variables(params[head], stats[head]),
            features.reshape(-1, features.shape[-1]),
            train=True,
            key=jax.random.fold_in(key, 1),
        )
        embedding = rows['logits'].reshape(*features.shape[:-1], -1)
        return {**outputs, 'embedding': embedding}, {name: moved, head: moved_too}

    def objective(params, state, batch, key):
        labelled = batch['labelled']['weak']
        parts = [inputs_of(task, x) for x in (labelled, batch['unlabelled']['weak'])]
        both_streams = join(parts)
        answers: dict[str, list[Outputs]] = {name: [] for name in STUDENTS}
        stats: dict[str, PyTree] = {}
        for i in range(2):
            view_key, *keys = jax.random.split(jax.random.fold_in(key, i), 3)
            seen = disturbed(view_key, both_streams, noise)
            for name, own in zip(STUDENTS, keys, strict=True):
                outputs, moved = embedded(name, params, state.stats, seen, own)
                answers[name].append(outputs)
                stats = {**moved, **stats}  # of the first view

        supervised, unsupervised, score, probs = {}, {}, {}, {}
        for name, (first, second) in answers.items():
            on_views = [split(outputs, like=parts) for outputs in (first, second)]
            terms = [supervised_terms(task, x[0], labelled) for x in on_views]
            for term in terms[0]:
                supervised[f'{name}_{term}'] = terms[0][term] + terms[1][term]
            score[name] = _score(terms, share)
            probs[name] = [task.decode(x[1]) for x in on_views]
            unsupervised[f'{name}_agreement'] = agreement_weight * losses.masked_mean(
                1 - jnp.sum(unit(first['logits']) * unit(second['logits']), axis=-1)
            )

        wins = score['student'] < score['partner']
        ramp = value(weight, state.step)
        apart = [
            drawn(a, b, wins, temperature)
            for a, b in zip(*(probs[name] for name in STUDENTS), strict=True)
        ]
        unsupervised['drawn'] = ramp * (apart[0] + apart[1])
        if contrast_weight:
            pairs = [
                contrast(a, b, contrast_temperature, masked)
                for a in answers['student']
                for b in answers['partner']
            ]
            unsupervised['contrast'] = contrast_weight * sum(pairs, jnp.zeros(()))
        loss = sum(supervised.values()) + sum(unsupervised.values())
        metrics = loss_metrics(supervised, unsupervised) | {
            'student_wins': wins.astype(jnp.float32),
            'weight': ramp,
        }
        return loss, Aux(metrics, stats)

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def drawn(student: Array, partner: Array, wins: Array, temperature: float) -> Array:
    """Mean square from the loser's probabilities to the winner's, sharpened, [].

    Args:
      student: [U, *S, C] float32 probabilities.
      partner: likewise.
      wins: [] bool, whether the student is the winner, who is not drawn.
      temperature: T > 0.
    """
    winner = jax.lax.stop_gradient(jnp.where(wins, student, partner))
    loser = jnp.where(wins, partner, student)
    return losses.masked_mean((loser - sharpened(winner, temperature)) ** 2)


def contrast(a: Outputs, b: Outputs, temperature: float, masked: bool) -> Array:
    """``region_contrast`` of two answers with 'logits' and 'embedding' [B, *S, ...]."""
    masks = (jnp.argmax(outputs['logits'], axis=-1) > 0 for outputs in (a, b))
    return region_contrast(
        a['embedding'], b['embedding'], *masks, temperature=temperature, masked=masked
    )


def _score(terms: list[dict[str, Array]], share: float) -> Array:
    """How bad a network is on the labels of two views, []."""
    for found in terms:
        if set(found) != {'cross_entropy', 'dice'}:
            raise InputError(
                f'The task has the terms {sorted(found)}; networks compete by '
                "'cross_entropy' and 'dice': give tasks.segmentation with 'dice_ce'."
            )
    # The task has half of each.
    parts = [share * x['cross_entropy'] + (1 - share) * x['dice'] for x in terms]
    return 2 * sum(parts, jnp.zeros(()))
