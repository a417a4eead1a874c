"""Rules that keep no state: threshold, sharpen, harden; and the chain of rules.

Each works on ``[U, C]`` of a batch, on ``[N, C]`` of a pool and on ``[U, H, W, C]`` of
pixels alike: the class axis is last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import (
    Array,
    InputError,
    PyTree,
    Schedule,
    TargetRule,
    Targets,
)
from ssljax.schedules import value


def from_prediction(prediction: PyTree) -> Targets:
    """Starts a chain of rules from a teacher's prediction, stopping its gradient.

    Args:
      prediction: [..., C] float probabilities, or a pytree whose leaves share their
        first axis (boxes, heatmaps).

    Returns:
      Targets with weights of 1: float32 [...] for probabilities, [U] for a pytree. A
      site whose probabilities are all 0, because no view saw it, weighs 0.
    """
    if hasattr(prediction, 'dtype'):
        probs = jax.lax.stop_gradient(jnp.asarray(prediction, jnp.float32))
        return Targets(probs, (probs != 0).any(-1).astype(jnp.float32))
    prediction = jax.lax.stop_gradient(prediction)
    rows = jax.tree.leaves(prediction)[0].shape[:1]
    return Targets(prediction, jnp.ones(rows, jnp.float32))


def from_logits(logits: Array) -> Targets:
    """Starts a chain of rules from a teacher's logits, stopping their gradient.

    Args:
      logits: [..., C] float.

    Returns:
      Targets: float32 probabilities [..., C] and weights of 1 [...].
    """
    return from_prediction(jax.nn.softmax(jnp.asarray(logits, jnp.float32)))


def chain(*rules: TargetRule) -> TargetRule:
    """Runs rules one after another; its state is the tuple of their states."""

    def init(targets):
        return tuple(rule.init(targets) for rule in rules)

    def update(targets, state, evidence):
        new = []
        for rule, part in zip(rules, state, strict=True):
            targets, part = rule.update(targets, part, evidence)
            new.append(part)
        return targets, tuple(new)

    return TargetRule(init, update)


def threshold(tau: float | Schedule, *, by: str | None = None) -> TargetRule:
    r"""Keeps sites whose highest probability reaches ``tau``.

    .. math:: w \leftarrow w\,[\max_c q_c \ge \tau]

    Args:
      tau: in [0, 1], or a schedule of the step.
      by: the field of a prediction that says how sure each of its sites is, such as
        'score' [..., K] of landmarks; None for probabilities [..., C].

    Source: Sohn et al. 2020 (FixMatch), arXiv 2001.07685.
    """
    if not callable(tau):
        require_probability('tau', tau)

    def confidence(targets):
        if by is None:
            require_distribution('threshold', targets)
            return jnp.max(targets.value, axis=-1)
        if not isinstance(targets.value, Mapping) or by not in targets.value:
            raise InputError(
                f'by is {by!r}; the prediction is '
                f'{jax.tree.map(jnp.shape, targets.value)}: name a field of it.'
            )
        return targets.value[by]

    def rule(targets, evidence):
        kept = confidence(targets) >= value(tau, evidence.step)
        return targets._replace(weight=times(targets.weight, kept))

    return _stateless(rule)


def confident_share(tau: float) -> TargetRule:
    r"""Weighs every site by the share of sites whose confidence reaches ``tau``.

    .. math:: w \leftarrow w \cdot \mathrm{mean}_i[\max_c q_{ic} \ge \tau]

    A doubtful teacher speaks softly, but of everything. The share is of the whole
    batch, as in the official code.

    Args:
      tau: in [0, 1].

    Source: Tranheden et al. 2021 (DACS), arXiv 2007.08702; used by FST.
    """
    require_probability('tau', tau)

    def rule(targets, evidence):
        del evidence
        require_distribution('confident_share', targets)
        share = shards.mean(jnp.mean(jnp.max(targets.value, axis=-1) >= tau))
        return targets._replace(weight=times(targets.weight, share))

    return _stateless(rule)


def sharpen(temperature: float) -> TargetRule:
    r"""Makes distributions more certain.

    .. math:: q_c \leftarrow q_c^{1/T} / \sum_k q_k^{1/T}

    Args:
      temperature: T > 0; below 1 sharpens, 1 changes nothing, above 1 flattens.

    Raises:
      InputError: for another temperature.

    Source: Berthelot et al. 2019 (MixMatch), arXiv 1905.02249.
    """
    _above_zero(temperature)

    def rule(targets, evidence):
        del evidence
        require_distribution('sharpen', targets)
        return targets._replace(value=sharpened(targets.value, temperature))

    return _stateless(rule)


def sharpened(probs: Array, temperature: float) -> Array:
    """Returns distributions [..., C] float32 as ``sharpen`` makes them.

    Raises:
      InputError: if the temperature is not above 0.
    """
    _above_zero(temperature)
    # Through the log, so that a small T does not underflow every class to 0.
    log_probs = jnp.log(jnp.maximum(jnp.asarray(probs, jnp.float32), 1e-30))
    return jax.nn.softmax(log_probs / temperature)


def _above_zero(temperature: float) -> None:
    if temperature <= 0:
        raise InputError(f'temperature is {temperature}; give a number above 0.')


def harden() -> TargetRule:
    """Turns distributions [..., C] into ids [...] int32, the most probable class."""

    def rule(targets, evidence):
        del evidence
        require_distribution('harden', targets)
        return targets._replace(value=jnp.argmax(targets.value, -1).astype(jnp.int32))

    return _stateless(rule)


def _stateless(rule: Callable) -> TargetRule:
    return TargetRule(lambda targets: (), lambda t, state, e: (rule(t, e), state))


def times(weight: PyTree, factor: Array) -> PyTree:
    """Weights times a factor [...] a site; theirs may be fewer, leading axes."""

    def leaf(one):
        one = jnp.asarray(one, jnp.float32)
        missing = max(0, factor.ndim - one.ndim)
        return one.reshape(one.shape + (1,) * missing) * factor

    return jax.tree.map(leaf, weight)


def require_probability(name: str, number: float) -> None:
    """Refuses a number outside [0, 1]."""
    if not 0 <= number <= 1:
        raise InputError(f'{name} is {number}; give a probability in [0, 1].')


def require_distribution(name: str, targets: Targets) -> None:
    """Refuses targets that are no class probabilities [..., C]."""
    if not hasattr(targets.value, 'dtype') or not jnp.issubdtype(
        targets.value.dtype, jnp.floating
    ):
        raise InputError(
            f'{name} needs class probabilities [..., C], found '
            f'{jax.tree.map(jnp.result_type, targets.value)}; place it before harden().'
        )
