"""MixUp of what a method sees, and of nothing else: targets stay as they are."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import jax

from ssljax.contracts import InputError, Method, Task
from ssljax.views import mixing

Place = tuple[str, str]
"""A stream and one of its views: ('unlabelled', 'strong')."""


def mixed_inputs(
    method: Method,
    task: Task,
    partners: Mapping[Place, Place],
    *,
    alpha: float = 0.75,
    one_share: bool = True,
) -> Method:
    r"""Returns the method, some of its views mixed before each step.

    .. math:: x_i \leftarrow \lambda x_i + (1 - \lambda) x'_j, \quad
        \lambda = \max(\beta, 1 - \beta), \; \beta \sim \mathrm{Beta}(\alpha, \alpha)

    A view that is its own partner is mixed with a shuffle of itself; two views meet row
    by row, as in ``views.mixing.mixup_with``. Labels and pseudo-labels are not mixed:
    a row keeps what it, the nearer one, is taught. In the audio comparison, with its
    names of the views::

        fixmatch = {strong: labelled, labelled: strong}
        mean_teacher = {weak2: weak2}  # what the teacher answers
        deep_co_training = {weak: weak}

    Args:
      method: any; its bare views, so inside ``prepared``.
      task: whose inputs are mixed; floats.
      partners: where is mixed -> with what, both from before anything was mixed.
      alpha: > 0; 0.75 for FixMatch, 1 for Mean Teacher and Deep Co-Training there.
      one_share: one lambda for all rows of a view, as there, or one each.

    Raises:
      InputError: if alpha is not above 0, or the method has no such view.

    Source: Cances et al. 2022, arXiv 2102.08183 (SSLH, fixmatch_mixup.py and
    Labbeti/semi-supervised, mixup.py).
    """
    if not alpha > 0:
        raise InputError(f'alpha is {alpha}; give a number above 0.')
    for stream, view in (*partners, *partners.values()):
        if stream not in method.needs or view not in method.needs[stream].views:
            raise InputError(
                f'partners has the view {view!r} of {stream!r}, which the method does '
                'not need.'
            )
    tag = zlib.crc32(b'mixed_inputs')
    options: dict[str, Any] = {'alpha': alpha, 'one_share': one_share}

    def step(state, batch):
        key = jax.random.fold_in(jax.random.fold_in(state.key, state.step), tag)

        def inputs(place):
            stream, view = place
            return {name: batch[stream][view][name] for name in task.inputs}

        new = {stream: dict(views) for stream, views in batch.items()}
        for i, (place, partner) in enumerate(partners.items()):
            own = jax.random.fold_in(key, i)
            if place == partner:
                (seen,) = mixing.mixup_among(own, [inputs(place)], **options)
            else:
                seen = mixing.mixup_with(own, inputs(place), inputs(partner), **options)
            stream, view = place
            new[stream][view] = {**new[stream][view], **seen}
        return method.step(state, new)

    return method._replace(step=step)
