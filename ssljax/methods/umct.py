"""UMCT: networks that look along other axes teach each other, the surer ones more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    State,
    Stream,
    Task,
    Variables,
)
from ssljax.methods.disturbed import disturbed
from ssljax.methods.joint import join, split
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import choose, loss_metrics, supervised_terms, together
from ssljax.schedules import value
from ssljax.views import AXES_FIRST, AxisFrame, into_frame, out_of_frame

_LEAST = 1e-6


def umct(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    frames: Sequence[Sequence[Any]] | None = None,
    passes: int = 8,
    noise: float = 0.1,
    weighted: bool = True,
    alone: int = 0,
    weight: float | Schedule = 0.2,
    ratio: float = 1.0,
    ship: str = 'together',
) -> Method:
    r"""Co-trains networks on one volume with its axes in other places.

    .. math:: L = \sum_i L_\mathrm{sup}(p_i) + \lambda \sum_i
        \ell(p_i, \hat y_i), \quad \hat y_i = \frac{\sum_{j \ne i} p_j / U_j}
        {\sum_{j \ne i} 1 / U_j}, \quad p_i(x) = T_i^{-1} f_i(T_i x)

    U is the variance of several noisy answers of a network at each site, the mean over
    its classes: what each network is taught without labels is what the others say,
    those most who do not waver. :math:`\ell` has the task's terms, of the best class of
    :math:`\hat y_i`.

    Args:
      network: of each view, with weights of its own. Kernels that are flat along the
        first axis, such as ``unet(kernel=(1, 3, 3))``, make the views differ.
      optimizer: one transformation, or one by the names 'student', 'student2', ...
      task: ``tasks.segmentation`` of inputs of one field.
      frames: the T_i, as ``views.AxisFrame`` or (order, reversed); None is each axis
        once in front: three views of volumes, two of images.
      passes: noisy answers that U is of, at least 2.
      noise: deviation of their inputs, clipped at twice of it; a network's own noise
        comes on top.
      weighted: by 1 / U, or all others alike.
      alone: steps on labels alone, the first stage of the paper.
      weight: lambda.
      ratio: unlabelled rows for each labelled one; 4 in the paper.
      ship: 'together', the mean of the views, or the name of one.

    Raises:
      InputError: for impossible numbers or frames.

    Source: Xia et al. 2018 and 2020 (UMCT), arXiv 1811.12506 and 2006.16806. [inferred]
    No official code is public: the hard targets and the eight noisy passes are of a
    third party's, the variance and its inverse of the paper.
    """
    if passes < 2:
        raise InputError(f'passes is {passes}; a variance needs at least 2.')
    axes = len(task.example['mask'].shape)
    if frames is None:
        frames = AXES_FIRST if axes == 3 else (((0, 1), ()), ((1, 0), ()))
    seen_in = {
        f'student{i + 1 if i else ""}': AxisFrame(*frame)
        for i, frame in enumerate(frames)
    }
    if len(seen_in) < 2 or any(len(x.order) != axes for x in seen_in.values()):
        raise InputError(
            f'frames is {tuple(frames)}; give at least two, each of {axes} axes.'
        )

    def look(name: str, variables: Variables, images: Array, **how: Any):
        """A network's answer in the frame of the image, and its statistics."""
        frame = seen_in[name]
        outputs, stats = network.apply(variables, into_frame(images, frame), **how)
        return {'logits': out_of_frame(outputs['logits'], frame)}, stats

    def answer(name: str) -> Any:
        def predict(
            state: State, inputs: PyTree, *, key: Array | None = None
        ) -> Outputs:
            variables = Variables(state.params[name], state.stats[name])
            return look(name, variables, inputs, train=False, key=key)[0]

        return predict

    found = {name: answer(name) for name in seen_in}
    found['together'] = together(found)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        example = batch['labelled']['weak']['image']
        networks = {
            name: (network, into_frame(example, frame))
            for name, frame in seen_in.items()
        }
        return start(key, networks, optimizer, given or {})

    def wavering(name, variables, images, key):
        """Variance of several noisy answers, [U, *S]."""
        noise_key, own_key = jax.random.split(key)
        many = disturbed(noise_key, join([images] * passes), noise)
        outputs, _ = look(name, variables, many, train=True, key=own_key)
        probs = jnp.stack(split(task.decode(outputs), like=[images] * passes))
        return jax.lax.stop_gradient(jnp.var(probs, axis=0).mean(-1))

    def objective(params, state, batch, key):
        labelled = batch['labelled']['weak']
        views = [labelled['image'], batch['unlabelled']['weak']['image']]
        supervised, stats, answered, probs, sure = {}, {}, {}, {}, {}
        for i, name in enumerate(seen_in):
            own, more = jax.random.split(jax.random.fold_in(key, i))
            variables = Variables(params[name], state.stats[name])
            outputs, stats[name] = look(
                name, variables, join(views), train=True, key=own
            )
            on_labels, answered[name] = split(outputs, like=views)
            for term, x in supervised_terms(task, on_labels, labelled).items():
                supervised[f'{name}_{term}'] = x
            probs[name] = jax.lax.stop_gradient(task.decode(answered[name]))
            sure[name] = jnp.ones(probs[name].shape[:-1])
            if weighted:
                doubt = wavering(name, variables, views[1], more)
                sure[name] = 1 / jnp.maximum(doubt, _LEAST)

        taught: dict[str, Array] = {}
        for name in seen_in:
            others = [other for other in seen_in if other != name]
            fused = sum(sure[x][..., None] * probs[x] for x in others)
            lesson = {'mask': jnp.argmax(fused, axis=-1)}
            terms = supervised_terms(task, answered[name], lesson)
            taught |= {f'{name}_others_{term}': x for term, x in terms.items()}
        ramp = value(weight, state.step) * (state.step >= alone)
        loss = sum(supervised.values()) + ramp * sum(taught.values())
        metrics = {**loss_metrics(supervised, taught), 'weight': ramp}
        for name, x in sure.items():
            metrics[f'sureness/{name}'] = losses.masked_mean(jnp.log(x))
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
