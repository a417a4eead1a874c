"""Training of the pose prior: noisy poses, and how far they are from clean ones."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax import losses, shards
from ssljax.contracts import Array, Method, Network, Outputs, PyTree, State, Stream
from ssljax.methods import joint
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import loss_metrics, student_of
from ssljax.models.pose_prior import (
    BONES,
    KAPPAS,
    distances,
    noisy,
    orientations,
)
from ssljax.views.prepare import row_keys

FAR, NEAR = 0.5, 0.3
"""Distances that part the far, the middle and the near poses."""


def pose_prior(
    network: Network,
    optimizer: Optimizer,
    *,
    poses: Array,
    bones: Sequence[tuple[int, int]] = BONES,
    kappas: Sequence[float] = KAPPAS,
    nearest: int = 5,
    middle_from: int = 75_000,
    clean_from: int = 175_000,
) -> Method:
    r"""Learns the distance of poses to the set of those that are taken.

    .. math:: L = L_\mathrm{far} + [t \ge t_1] L_\mathrm{middle}
        + [t \ge t_2] L_\mathrm{clean}, \quad
        L_s = \mathrm{mean}_{o \in s} (f(o) - d(o))^2

    Every pose of a batch is made noisy anew; its distance d to the clean poses says
    whether it is far (>= 0.5) or in the middle (0.3 to 0.5). Clean poses have the
    distance 0. A pose with a joint that is not visible is left out.

    Args:
      network: of directions [B, N, 2], answers 'distance' [B]: ``models.pose_prior``.
      optimizer: Adam of 3e-4 in the paper, with batches of 1024.
      poses: [Q, K, 2] joints of the clean poses that distances are measured to, all of
        them visible; kept in ``State.frozen``. Batches are of the same ones.
      bones: N pairs of joints.
      kappas: of the noise, as ``models.pose_noisy`` has it.
      nearest: clean poses that a distance is the mean of.
      middle_from: step t1 from which poses of the middle are learnt.
      clean_from: step t2 from which clean ones are.

    Returns:
      A Method on 'labelled' batches of ``landmarks`` [B, K, 2] and ``visible`` [B, K].
      ``predict`` takes joints [B, K, 2] and answers 'distance' [B].

    Source: Raychaudhuri et al. 2023 (POST), arXiv 2308.13954. Departs from its code,
    which draws the noise once and takes one step for each kind of poses.
    """

    def init(key, batch, given=None):
        seen = orientations(batch['labelled']['landmarks'], bones)
        clean = orientations(poses, bones)
        networks = {'student': (network, seen)}
        return start(key, networks, optimizer, given or {}, frozen={'poses': clean})

    def objective(params, state, batch, key):
        clean = orientations(batch['labelled']['landmarks'], bones)
        student = student_of(params, state.stats)
        keys = row_keys(key, shards.row_numbers(len(clean), like=clean))
        found = jax.vmap(lambda own, pose: noisy(own, pose[None], kappas)[0])(
            keys, clean
        )
        true = distances(found, state.frozen['poses'], nearest=nearest)
        both = [found, clean]
        outputs, stats = network.apply(student, joint.join(both), train=True)
        noised, own = joint.split(outputs['distance'], like=both)
        wrong = (noised - true) ** 2
        whole = jnp.asarray(batch['labelled']['visible'], bool).all(-1)
        middle = whole & (true > NEAR) & (true < FAR)
        terms = {
            'far': losses.masked_mean(wrong, whole & (true >= FAR), over='kept'),
            'middle': losses.masked_mean(wrong, middle, over='kept'),
            'clean': losses.masked_mean(own**2, whole, over='kept'),
        }
        terms['middle'] *= state.step >= middle_from
        terms['clean'] *= state.step >= clean_from
        return sum(terms.values()), Aux(loss_metrics(terms), {'student': stats})

    def predict(state: State, inputs: PyTree, *, key: Array | None = None) -> Outputs:
        variables = student_of(state.params, state.stats)
        seen = orientations(inputs, bones)
        return network.apply(variables, seen, train=False, key=key)[0]

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=predict,
        needs={'labelled': Stream(('landmarks', 'visible'))},
    )
