"""CFC-Net: a student of what is smooth, one of what is fine, a teacher of it all."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import losses, shards, views
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Outputs,
    PyTree,
    Schedule,
    State,
    Stream,
    Task,
    Variables,
)
from ssljax.methods.joint import join, split
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import choose, loss_metrics, supervised_terms
from ssljax.schedules import value
from ssljax.teachers import count_warmup, ema
from ssljax.views import regions

STUDENTS = ('student', 'partner')
"""Of the low and of the high frequencies."""


def cfc_net(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    decay: float | Schedule | None = None,
    cutoff: float | None = 0.1,
    side: int = 8,
    threshold: float = 0.75,
    cross_weight: float = 1.0,
    full_weight: float = 1.0,
    mix_weight: float = 1.0,
    whole_labels: bool = True,
    weight: float | Schedule = 0.1,
    ratio: float = 1.0,
    ship: str = 'teacher',
) -> Method:
    r"""Two students of one frequency band each teach one another; a teacher sees both.

    .. math:: L = \sum_k \big(L_\mathrm{sup}(f_k(x^k)) + L_\mathrm{sup}(f_k(x))\big)
        + \lambda(t) \sum_k \Big(
        \lambda_c \mathrm{CE}(f_k(u^k), \arg\max f_{\bar k}(u^{\bar k}))
        + \lambda_f\, e^{-H(p_T)} \|f_k(u^k) - p_T(u)\|^2
        + \lambda_m [\max p_T \ge \tau] \mathrm{CE}(f_k(m), \arg\max p_T)\Big)

    The teacher is an average of the mean of both students. m is made of cubes, each
    from the band that its student is less uncertain of, in its place: anatomy stays
    whole, frequencies change (UCF-Mix).

    [inferred] Only the abstract is public: it has the students, the teacher, the two
    kinds of consistency and the mixing by uncertainty; the equations are of this
    project, with the recipe of SSL4MIS.

    Args:
      network: of all three, which start alike: the mean of two networks that began
        apart answers nothing.
      optimizer: one transformation for both, or {'student': ..., 'partner': ...}.
      task: ``tasks.segmentation``.
      decay: of the teacher; None is ``count_warmup(0.99)``.
      cutoff: cycles a pixel between the bands, see ``views.split_frequencies``. Each
        band, and the whole, goes in with mean 0 and deviation 1. None splits nothing:
        both students see the whole and stay one, unless noise in the network parts
        them; it is what bands are compared with.
      side: of the cubes, a divisor of all sides of an input.
      threshold: tau.
      cross_weight: :math:`\lambda_c`.
      full_weight: :math:`\lambda_f`.
      mix_weight: :math:`\lambda_m`; 0 for no mixing.
      whole_labels: whether students learn labels on the whole as well, without which
        their mean, the teacher, is asked for what neither of them has seen.
      weight: lambda, a ramp.
      ratio: unlabelled rows for each labelled one.
      ship: whose weights ``predict`` uses; each answers on its own band.

    Raises:
      InputError: for an impossible threshold; when traced, if the side does not divide.

    Source: the abstract of CFC-Net (2025), arXiv 2504.11856.
    """
    if not 0 <= threshold <= 1:
        raise InputError(f'threshold is {threshold}; give a probability.')
    # Its statistics are of what it sees itself, the whole image.
    decay = count_warmup(0.99) if decay is None else decay
    teacher = ema(decay, stats='keep')

    def bands(images: Array) -> dict[str, Array]:
        low = high = images
        if cutoff is not None:
            low, high = views.split_frequencies(images, cutoff)
        return {'student': even(low), 'partner': even(high), 'teacher': even(images)}

    def answer(name: str):
        def predict(
            state: State, inputs: PyTree, *, key: Array | None = None
        ) -> Outputs:
            if name == 'teacher':
                variables = teacher.variables(state.memory[name])
            else:
                variables = Variables(state.params[name], state.stats[name])
            seen = bands(inputs)[name]
            return network.apply(variables, seen, train=False, key=key)[0]

        return predict

    found = {name: answer(name) for name in (*STUDENTS, 'teacher')}
    ship = choose(ship, found)

    def init(key, batch, given=None):
        example = batch['labelled']['weak']['image']
        networks = {name: (network, example) for name in STUDENTS}

        def memory(params, stats):
            return {'teacher': teacher.init(mean_of(params, stats))}

        twins = {'partner': 'student'}
        return start(key, networks, optimizer, given or {}, memory=memory, alike=twins)

    def objective(params, state, batch, key):
        labelled = batch['labelled']['weak']
        known = bands(labelled['image'])
        seen = bands(batch['unlabelled']['weak']['image'])
        above_key, *keys = jax.random.split(key, 3)
        above = state.memory['teacher']
        opinion, moved = network.apply(
            above.variables, seen['teacher'], train=True, key=above_key
        )
        whole = jax.lax.stop_gradient(task.decode(opinion))
        hard = jnp.argmax(whole, axis=-1)
        trust = jnp.exp(-entropy_of(whole))

        supervised, stats, answered, doubt = {}, {}, {}, {}
        for name, own in zip(STUDENTS, keys, strict=True):
            inputs = {name: known[name]}
            if whole_labels:
                inputs[f'{name}_whole'] = known['teacher']
            parts = [*inputs.values(), seen[name]]
            outputs, stats[name] = network.apply(
                Variables(params[name], state.stats[name]),
                join(parts),
                train=True,
                key=own,
            )
            *on_labels, answered[name] = split(outputs, like=parts)
            for what, output in zip(inputs, on_labels, strict=True):
                for term, x in supervised_terms(task, output, labelled).items():
                    supervised[f'{what}_{term}'] = x
            probs = jax.lax.stop_gradient(task.decode(answered[name]))
            doubt[name] = entropy_of(probs)

        cubes = regions.surer_cubes(doubt['student'], doubt['partner'], side)
        mixed = regions.filled(
            {'image': seen['student']}, {'image': seen['partner']}, cubes
        )['image']
        further: dict[str, Array] = {}
        for name, other, own in zip(STUDENTS, reversed(STUDENTS), keys, strict=True):
            logits = answered[name]['logits']
            others = jax.lax.stop_gradient(answered[other]['logits'])
            cross = losses.cross_entropy(logits, jnp.argmax(others, axis=-1))
            apart = losses.mean_squared_error(logits, whole)
            terms = {
                'cross': cross_weight * losses.masked_mean(cross),
                'full': full_weight * losses.masked_mean(apart, trust),
            }
            if mix_weight:
                outputs, _ = network.apply(
                    Variables(params[name], state.stats[name]),
                    mixed,
                    train=True,
                    key=jax.random.fold_in(own, 1),
                )
                wrong = losses.cross_entropy(outputs['logits'], hard)
                terms['mix'] = mix_weight * losses.masked_mean(
                    wrong, whole.max(-1) >= threshold
                )
            further |= {f'{name}_{term}': x for term, x in terms.items()}

        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(further.values())
        metrics = loss_metrics(supervised, further) | {
            'high_cubes': losses.masked_mean(cubes),
            'weight': ramp,
        }
        variables = above.variables._replace(stats=shards.mean(moved))
        memory = {'teacher': above._replace(variables=variables)}
        return loss, Aux(metrics, stats, memory)

    def follow(state: State) -> State:
        mean = mean_of(state.params, state.stats)
        average = teacher.update(state.memory['teacher'], mean, step=state.step)
        return state._replace(memory={**state.memory, 'teacher': average})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def even(images: Array) -> Array:
    """Returns images [B, *S, channels] of mean 0 and deviation 1, each by itself."""
    over = tuple(range(1, images.ndim))
    images = images - images.mean(over, keepdims=True)
    spread = jnp.mean(images**2, axis=over, keepdims=True)
    return images / jnp.sqrt(jnp.maximum(spread, 1e-8))


def entropy_of(probs: Array) -> Array:
    """Entropy [...] in nats of distributions [..., C]."""
    return -jnp.sum(probs * jnp.log(jnp.maximum(probs, 1e-30)), axis=-1)


def mean_of(params: dict[str, PyTree], stats: dict[str, PyTree]) -> Variables:
    """The mean of both students, float32."""

    def middle(tree):
        return jax.tree.map(
            lambda a, b: (
                0.5 * (jnp.asarray(a, jnp.float32) + jnp.asarray(b, jnp.float32))
            ),
            *(tree[name] for name in STUDENTS),
        )

    return Variables(middle(params), middle(stats))
