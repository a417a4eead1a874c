"""DS6: what bends with the image, from labels with mistakes, on several scales."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax import losses, views
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Outputs,
    Schedule,
    Stream,
    Task,
    Teacher,
)
from ssljax.methods.joint import join, split
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
from ssljax.tasks.segmentation import scales_of


def ds6(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    scale_weights: Sequence[float] = (1.0, 0.66, 0.34),
    spacing: Sequence[int] = (5, 6, 7),
    most: tuple[float, float] = (0.01, 0.03),
    weight: float | Schedule = 1.0,
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""One network that answers a bent image as it answers the image, bent.

    .. math:: L = \sum_k r_k\, \ell(p_k(x), y) + \sum_k r_k\, \ell(p_k(\phi x), \phi y)
        + \lambda\, \ell(p_1(\phi z), \phi\, p_1(z))

    with the focal Tversky loss, the mean over the foreground, of scales k; z are all
    rows, labelled or not. phi is one ``views.diffeomorphism`` for the whole batch,
    which bends masks linearly, into soft ones. Both sides of the last term are taught.

    Args:
      network: answers 'logits' and, with several scales, 'scales': ``unet(scales=3)``.
      optimizer: Adam of 0.01 in the paper, gradients bounded to 1.
      task: ``tasks.segmentation``, whose own losses do not count here.
      scale_weights: r, of each scale, the finest first.
      spacing: of phi, in pixels.
      most: of phi, in half sides of the image.
      weight: lambda; 0 leaves the labels, straight and bent.
      ratio: unlabelled rows for each labelled one. The paper has none.
      teacher: an average of the student for evaluation; not who teaches here.
      ship: whose weights ``predict`` uses; default the average where there is one.

    Raises:
      InputError: without weights of scales; when traced, if the network has others.

    Source: Chatterjee et al. 2020 (DS6), arXiv 2006.10802, whose code leaves out the
    sigmoid on one side of the last term.
    """
    if not scale_weights:
        raise InputError('scale_weights is empty; give at least that of the logits.')
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks = {'student': (network, batch['labelled']['weak']['image'])}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        labelled = batch['labelled']['weak']
        parts = [labelled['image'], batch['unlabelled']['weak']['image']]
        flow_key, *keys = jax.random.split(key, 3)
        images = join(parts)
        flow = views.diffeomorphism(
            flow_key, images.shape[1:-1], spacing=spacing, most=most
        )

        def bent(maps: Array) -> Array:
            return jax.vmap(lambda one: views.deform(one, flow))(maps)

        student = student_of(params, state.stats)
        straight, stats = network.apply(student, images, train=True, key=keys[0])
        curved, _ = network.apply(student, bent(images), train=True, key=keys[1])

        classes = straight['logits'].shape[-1]
        truth = jax.nn.one_hot(labelled['mask'], classes)
        counts = losses.site_weights(labelled['mask'])
        terms = {
            'straight': scaled(
                split(straight, like=parts)[0], truth, counts, scale_weights
            ),
            'bent': scaled(
                split(curved, like=parts)[0],
                bent(truth),
                bent(counts[..., None])[..., 0],
                scale_weights,
            ),
        }
        alike = losses.focal_tversky(task.decode(curved), bent(task.decode(straight)))
        terms['alike'] = alike[1:].mean()
        ramp = value(weight, state.step)
        loss = terms['straight'] + terms['bent'] + ramp * terms['alike']
        metrics = {**loss_metrics(terms), 'weight': ramp}
        return loss, Aux(metrics, {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def scaled(
    outputs: Outputs, truth: Array, counts: Array, weights: Sequence[float]
) -> Array:
    """Focal Tversky loss of the foreground on every scale, weighed, [].

    Args:
      outputs: 'scales', a tuple of logits [B, *S, C], or 'logits' alone.
      truth: [B, *S, C] float.
      counts: [B, *S], of each site.
      weights: of each scale.

    Raises:
      InputError: if the network answers others.
    """
    scales = scales_of(outputs, len(weights))
    lost = [
        weight * losses.focal_tversky(jax.nn.softmax(logits), truth, counts)[1:].mean()
        for weight, logits in zip(weights, scales, strict=True)
    ]
    return sum(lost, start=jnp.zeros(()))
