"""A deep projector between a network's features and its head, to be cut somewhere."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network, Variables
from ssljax.models.adapters import from_nnx
from ssljax.models.norms import BatchNorm
from ssljax.models.precision import compute_type, widened

_NAME = 'projection'


def projected(
    network: Network,
    *,
    hidden: int = 2,
    outputs: int = 128,
    cut: int = 1,
    head: str = 'classifier',
    dtype: DTypeLike = 'float32',
) -> Network:
    r"""Puts SimCLRv2's projector on a network, whose own head moves into its middle.

    .. math:: h_0 = \mathrm{encode}(x), \quad h_i = \mathrm{ReLU}(\mathrm{BN}(W_i
        h_{i-1})), \quad \mathrm{embedding} = \mathrm{BN}(W h_n), \quad
        \mathrm{logits} = \mathrm{head}(h_{cut})

    Contrast trains the embedding. To fine-tune, the same network with ``hidden=cut``
    and ``outputs=0`` ends where its head stands; it starts from the weights of the
    other but for the layers beyond (``drop`` of ``programs.stages``). The head starts
    at 0, and contrast leaves it there.

    Args:
      network: with the parts 'encode' and 'head', the latter of as many features as the
        former gives, D.
      hidden: n, layers of width D.
      outputs: of the last layer; 0 is no such layer, and no embedding.
      cut: after how many layers the head stands, from 0, where the projector is thrown
        away, to n. The paper has 1, and 0 where all labels are known.
      head: the network's top-level parameters that start at 0.
      dtype: that the projector's products are computed in.

    Returns:
      A Network that answers 'logits' [B, C], 'features' [B, D], the encoder's, and
      'embedding' [B, outputs] float32. Beside the network's own parameters it has
      'projection1', 'projection2', ...

    Raises:
      InputError: if the network lacks a part or the head, or cut is not in [0, hidden].

    Source: Chen et al. 2020 (SimCLRv2), arXiv 2006.10029; google-research/simclr,
    model_util.py (``projection_head``), but for the offset of its last norm, which it
    has not.
    """
    if not {'encode', 'head'} <= set(network.parts):
        raise InputError(
            f'The network has the parts {sorted(network.parts)}; a projector is put '
            "between 'encode' and 'head'."
        )
    if not 0 <= cut <= hidden:
        raise InputError(f'cut is {cut}; give 0 to {hidden}, the hidden layers.')
    compute = compute_type(dtype)

    def projector(width):
        sizes = [width] * hidden + [outputs] * bool(outputs)
        return from_nnx(lambda rngs: _Projector(width, sizes, hidden, compute, rngs))

    def init(key, inputs):
        own, more = jax.random.split(key)
        params, stats = network.init(own, inputs)
        if head not in params:
            raise InputError(
                f'head is {head!r}; the network has the parameters {sorted(params)}.'
            )
        params = {**params, head: jax.tree.map(jnp.zeros_like, params[head])}
        if not (hidden or outputs):
            return Variables(params, stats)

        def features(key):
            variables = network.init(key, inputs)
            return network.parts['encode'](variables, inputs, train=False)[0]

        width = jax.eval_shape(features, own)['features'].shape[-1]
        layers = projector(width).init(more, inputs)
        return Variables({**params, **layers.params}, {**stats, **layers.stats})

    def apply(variables, inputs, *, train: bool, key=None):
        own, layers = _apart(variables)
        keys = (None, None) if key is None else jax.random.split(key)
        encoded, stats = network.parts['encode'](own, inputs, train=train, key=keys[0])
        levels = (encoded['features'],)
        if layers.params:
            run = projector(levels[0].shape[-1]).apply
            found, moved = run(layers, levels[0], train=train)
            levels, stats = (*levels, *found['levels']), {**stats, **moved}
        answer, _ = network.parts['head'](own, levels[cut], train=train, key=keys[1])
        outputs_of = {**encoded, **answer}
        if outputs:
            outputs_of['embedding'] = levels[-1]
        return outputs_of, stats

    return Network(init, apply)


def _apart(variables: Variables) -> tuple[Variables, Variables]:
    """The network's own variables, and the projector's."""

    def those(ours):
        return Variables(
            *(
                {name: x for name, x in part.items() if name.startswith(_NAME) == ours}
                for part in variables
            )
        )

    return those(False), those(True)


class _Projector(nnx.Module):
    def __init__(self, width, sizes, hidden, dtype, rngs):
        self.sizes, self.hidden = tuple(sizes), hidden
        for i, size in enumerate(sizes, start=1):
            setattr(self, f'{_NAME}{i}', _Layer(width, size, dtype, rngs))

    def __call__(self, x):
        levels = []
        for i in range(1, len(self.sizes) + 1):
            x = getattr(self, f'{_NAME}{i}')(x)
            x = jax.nn.relu(x) if i <= self.hidden else x
            levels.append(x)
        return {'levels': tuple(levels)}


class _Layer(nnx.Module):
    def __init__(self, width, size, dtype, rngs):
        # The norm has a bias of its own.
        self.linear = nnx.Linear(width, size, use_bias=False, dtype=dtype, rngs=rngs)
        self.norm = BatchNorm(size, momentum=0.9)

    def __call__(self, x):
        return self.norm(widened(self.linear(x)))
