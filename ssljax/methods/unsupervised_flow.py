"""Optical flow from clips alone: a tracker that is trained before any landmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp

from ssljax.contracts import Array, InputError, Method, Network, Stream
from ssljax.losses import flow as losses
from ssljax.losses.reduce import masked_mean
from ssljax.methods import joint
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import answers, loss_metrics, student_of


def unsupervised_flow(
    network: Network,
    optimizer: Optimizer,
    *,
    view: str = 'weak',
    scales: Sequence[float] = (1.0, 1.0, 1.0),
    noise: float = 0.9,
    smoothness: float = 50.0,
    alpha: float = 10.0,
    seen: Callable = losses.seen_by_range,
) -> Method:
    """Learns a flow that rebuilds each frame from its neighbour, both ways.

    A clip and its reverse are two clips of the batch; where the other flow shows that a
    pixel is covered in the other frame, nothing is rebuilt.

    Args:
      network: of clips, as ``models.flow_cnn``.
      optimizer: an optax transformation.
      view: of the unlabelled clips.
      scales: weights of the census loss at full size, at half of it, and so on.
      noise: of the frames, in greys of 255; see ``losses.flow.census``.
      smoothness: weight of the flow's unsteadiness, the flow being in frame sides.
      alpha: how little the flow's edges cost on the picture's.
      seen: ``(forward, backward) -> [..., H, W]``, where frames show the same;
        ``losses.flow.seen_both_ways`` for a network that is trained already.

    Raises:
      InputError: when called, if there are more scales than the network has.

    Source: Liu et al. 2020 (ARFlow), arXiv 2003.13045, its first stage, with the
    weights of TSAL's configuration: census 1, smoothness 50, alpha 10.
    """
    found = answers(network, None)

    def init(key, batch, given=None):
        networks = {'student': (network, batch['unlabelled'][view]['image'])}
        return start(key, networks, optimizer, given or {})

    def objective(params, state, batch, key):
        clips = batch['unlabelled'][view]['image']
        both = joint.join([clips, clips[:, ::-1]])
        student = student_of(params, state.stats)
        outputs, stats = network.apply(student, both, train=True, key=key)
        flows = outputs['flows']
        if len(flows) < len(scales):
            raise InputError(
                f'scales has {len(scales)} weights; the network answers with '
                f'{len(flows)} flows.'
            )
        shown = seen(flows[0], _reversed(flows[0]))
        first, second = both[:, :-1], both[:, 1:]
        census = jnp.zeros(())
        for level, (scale, flow) in enumerate(zip(scales, flows, strict=False)):
            a, b, clear = (_shrunk(x, level) for x in (first, second, shown[..., None]))
            missed = losses.census(a, losses.warp_by_flow(b, flow), noise=noise)
            census += scale * masked_mean(missed, clear[..., 0], over='kept')
        unsteady = losses.edge_aware_smoothness(
            flows[0] / min(clips.shape[2:4]), first, alpha=alpha
        )
        terms = {'census': census, 'smoothness': smoothness * masked_mean(unsteady)}
        metrics = loss_metrics(terms) | {'seen': shown.mean()}
        return sum(terms.values()), Aux(metrics, {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=found['student'],
        needs={'unlabelled': Stream(('image',), (view,))},
    )


def _reversed(flow: Array) -> Array:
    """Of clips joined to their reverses: each pair of frames gets the other's flow."""
    half = flow[: len(flow) // 2]
    there, back = joint.split(flow, like=[half, half])
    return joint.join([back[:, ::-1], there[:, ::-1]])


def _shrunk(image: Array, level: int) -> Array:
    """Means over 2^level x 2^level pixels of [..., H, W, channels]."""
    *lead, height, width, channels = image.shape
    part = 2**level
    split = (*lead, height // part, part, width // part, part, channels)
    return image.reshape(split).mean((-4, -2))
