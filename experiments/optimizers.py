"""From a configuration's ``optimizer`` to an optax transformation."""

from __future__ import annotations

from typing import Any

import jax
import optax

from ssljax import models, schedules
from ssljax.contracts import InputError, PyTree, Schedule
from ssljax.data import checks


def optimizer(spec: Any, steps: int) -> optax.GradientTransformation:
    """Returns SGD with Nesterov momentum, Adam or LARS, under a falling rate.

    Weights decay decoupled from the rate under Adam (AdamW) and coupled under the
    others, as the papers have it; biases and norms (arrays of fewer than 2 axes) and
    the positions of a ``vit`` are not decayed. With ``layer_decay``, a vit's deeper
    layers move more slowly; with ``clip``, gradients are shortened to at most that
    norm.

    LARS moves each array by a thousandth of its own norm times the rate, but for what
    is not decayed and for the 'classifier', as in SimCLR (You et al. 2017, arXiv
    1708.03888; google-research/simclr, lars_optimizer.py).

    Args:
      spec: 'name', 'lr', 'weight_decay', 'warmup', and as above; 'decay' and 'share'
        of ``rate``.
      steps: of the fit.

    Raises:
      InputError: for another name, or a clip below 0.
    """
    moving = rate(spec, steps)
    checks.known('optimizer.name', spec.name, ('adam', 'lars', 'sgd'))
    if spec.name == 'adam':
        moved = optax.adamw(moving, weight_decay=spec.weight_decay, mask=matrices)
    elif spec.name == 'lars':
        moved = optax.lars(
            moving,
            spec.weight_decay,
            weight_decay_mask=below_the_head,
            trust_ratio_mask=below_the_head,
        )
    else:
        moved = optax.chain(
            optax.add_decayed_weights(spec.weight_decay, mask=matrices),
            optax.sgd(moving, momentum=0.9, nesterov=True),
        )
    slower, clip = spec.get('layer_decay', 1.0), spec.get('clip', 0.0)
    if clip < 0:
        raise InputError(f'optimizer.clip is {clip}; give a norm above 0, 0 for none.')
    if clip:
        moved = optax.chain(optax.clip_by_global_norm(clip), moved)
    return moved if slower == 1 else optax.chain(moved, models.layerwise(slower))


def rate(spec: Any, steps: int) -> Schedule:
    """Returns the rate: up over ``warmup`` steps, then down.

    It falls as the 7/16 cosine, or to 0 with ``decay='cosine'`` or, as (1 - t/T)^0.9,
    'polynomial'; or to a tenth at 5/8, 3/4 and 7/8 of the way, 'tenths', as where
    CIFAR-100's networks are distilled. ``share`` is that of the steps in which a
    network moves, where it waits in others, as RAIL's groups do for each other.
    """
    share = spec.get('share', 1.0)
    if not 0 < share <= 1:
        raise InputError(f'optimizer.share is {share}; give a share in (0, 1].')
    steps = round(steps * share)
    warmup = min(spec.warmup, steps - 1)
    fall = spec.get('decay', '7/16')
    checks.known('optimizer.decay', fall, ('7/16', 'cosine', 'polynomial', 'tenths'))
    if fall == '7/16':
        return schedules.cosine_7_16(spec.lr, steps, warmup)
    left = steps - warmup
    if fall == 'cosine':
        falling = schedules.cosine_ramp_down(left, spec.lr)
    elif fall == 'tenths':
        falls = {round(left * part): 0.1 for part in (0.625, 0.75, 0.875)}
        falling = optax.piecewise_constant_schedule(spec.lr, falls)
    else:
        falling = optax.polynomial_schedule(spec.lr, 0.0, 0.9, left)
    if not warmup:
        return falling
    rise = schedules.linear_ramp(warmup, spec.lr)
    return optax.join_schedules([rise, falling], [warmup])


def matrices(params: PyTree) -> PyTree:
    """Returns which parameters decay, bool: those of 2 axes up, but for positions."""
    return _masked(params, {'cls_token', 'pos_embed'})


def below_the_head(params: PyTree) -> PyTree:
    """Returns which parameters decay and are moved by their norm under LARS, bool."""
    return _masked(params, {'cls_token', 'pos_embed', 'classifier'})


def _masked(params: PyTree, but: set[str]) -> PyTree:
    def one(path, x):
        return x.ndim > 1 and not {getattr(key, 'key', None) for key in path} & but

    return jax.tree.map_with_path(one, params)
