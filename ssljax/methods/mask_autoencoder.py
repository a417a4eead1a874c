"""Training of an autoencoder that mends masks: damaged ones in, whole ones out."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import Array, Method, Network, PyTree, Stream, Task
from ssljax.methods.disturbed import disturbed
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import answer_of, loss_metrics, student_of


def mask_autoencoder(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    view: str = 'damaged',
    noise: float = 0.1,
) -> Method:
    r"""Learns masks from themselves: the first stage of anatomy-aware uncertainty.

    .. math:: L = \tfrac12\, \mathrm{mean}\,(\sigma(z) - y)^2
        + \tfrac12\, \mathrm{Dice}_{fg}(\sigma(z), y), \quad z = f(\tilde y + n)

    Args:
      network: of class ids [B, *S, 1] float, answers 'logits' [B, *S, C]:
        ``models.mask_autoencoder``.
      optimizer: an optax transformation; SGD of 0.1 with a cosine in the paper.
      task: ``tasks.segmentation``, of which the fields alone count here.
      view: that leaves a mask with mistakes in 'damaged': ``views.damage_mask``, after
        geometry.
      noise: deviation of the noise on the ids, clipped at twice of it.

    Returns:
      A Method whose ``predict`` takes class ids [B, *S, 1] float. It answers no images
      and is not scored.

    Source: Adiga et al. 2022/2024, arXiv 2203.05682 and 2310.16099, stage 1. Its code
    keeps the best checkpoint by the Dice of a validation part.
    """

    def init(key, batch, given=None):
        damaged = batch['labelled'][view]['damaged']
        networks = {'student': (network, as_numbers(damaged))}
        return start(key, networks, optimizer, given or {})

    def objective(params, state, batch, key):
        example = batch['labelled'][view]
        noise_key, own_key = jax.random.split(key)
        seen = disturbed(noise_key, as_numbers(example['damaged']), noise)
        student = student_of(params, state.stats)
        outputs, stats = network.apply(student, seen, train=True, key=own_key)
        probs = jax.nn.sigmoid(jnp.asarray(outputs['logits'], jnp.float32))
        mask = example['mask']
        weight = losses.site_weights(mask)
        squares = jnp.mean((probs - jax.nn.one_hot(mask, probs.shape[-1])) ** 2, -1)
        dice = losses.dice_loss(probs, mask, weight)
        terms = {
            'squares': 0.5 * losses.masked_mean(squares, weight, over='kept'),
            'dice': 0.5 * dice[1:].mean(),
        }
        return sum(terms.values()), Aux(loss_metrics(terms), {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=answer_of(network, 'student'),
        needs={'labelled': Stream(tuple(task.example), (view,))},
    )


def as_numbers(mask: PyTree) -> Array:
    """Returns ids [B, *S] as float32 [B, *S, 1]; ignored sites are background."""
    known = jnp.where(mask == losses.IGNORED, 0, mask)
    return jnp.asarray(known, jnp.float32)[..., None]
