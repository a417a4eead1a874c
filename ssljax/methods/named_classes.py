"""Classes by their names: texts become vectors, and images find the nearest one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import losses
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Outputs,
    PyTree,
    State,
    Stream,
    Task,
    Variables,
    inputs_of,
)
from ssljax.losses.contrastive import unit
from ssljax.methods.distil_features import known
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import loss_metrics, student_of, supervised_terms, task_of

ClassVectors = Callable[[Sequence[str]], Array]
"""``names -> [C, D]``: of any encoder of texts, or of prototypes."""


def named_classes(
    network: Network,
    optimizer: Optimizer,
    encoder: Network | None = None,
    *,
    names: Sequence[str] = (),
    scale: float = 20.0,
    task: Task | None = None,
    num_classes: int | None = None,
    view: str = 'weak',
) -> Method:
    r"""Learns labels by the cosine of an image's features and its class's vector.

    .. math:: L = \mathrm{CE}\big(y,\; s\,\mathrm{unit}(h(x))\,\mathrm{unit}(W)^\top
        \big), \quad W_c = e(\mathrm{name}_c)

    The encoder e is trained too: CLIP's loss with a batch that has every class. Without
    names W is ``given['class_vectors']`` and stays. The network's own head is idle.

    Args:
      network: answers 'features' [B, D].
      optimizer: one for both, or {'student': ..., 'encoder': ...}.
      encoder: eats ``spelled(names)``, answers 'features' [C, D]; unused without names.
      names: of the C classes, in order; () takes the vectors that are given.
      scale: s; CLIP ends near 100.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      view: what is seen.

    Returns:
      A Method that answers the cosines as 'logits', and 'class_vectors' [B, C, D], W
      for each row.

    Raises:
      InputError: if names have no encoder, or can't be spelled; by ``init``, if there
        are neither names nor vectors, or if widths differ.

    Source: Radford et al. 2021 (CLIP), arXiv 2103.00020, with classes for texts.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    if names and encoder is None:
        raise InputError('names are given and no encoder; give one that reads them.')
    if not names:
        encoder = None
    texts = spelled(names) if names else None

    def init(key, batch, given=None):
        given = dict(given or {})
        inputs = inputs_of(task, batch['labelled'][view])

        def features(key):
            return network.apply(network.init(key, inputs), inputs, train=False)[0]

        found = jax.eval_shape(features, jax.random.key(0))
        known('student', 'features', found)
        networks, kept = {'student': (network, inputs)}, {}
        if encoder is not None:
            networks['encoder'] = (encoder, texts)
        else:
            width = found['features'].shape[-1]
            kept = {'class_vectors': vectors(given, width)}
        return start(key, networks, optimizer, given, frozen=kept)

    def vectors_of(params, stats, state, *, train, key):
        if encoder is None:
            return state.frozen['class_vectors'], {}
        variables = Variables(params['encoder'], stats['encoder'])
        found, moved = encoder.apply(variables, texts, train=train, key=key)
        return found['features'], {'encoder': moved}

    def named(outputs, found):
        logits = scale * jnp.matmul(
            unit(outputs['features']),
            unit(found).T,
            precision=jax.lax.Precision.HIGHEST,
        )
        rows = len(logits)
        each = jnp.broadcast_to(found[None], (rows, *found.shape))
        return {**outputs, 'logits': logits, 'class_vectors': each}

    def objective(params, state, batch, key):
        own, other = jax.random.split(key)
        example = batch['labelled'][view]
        student = student_of(params, state.stats)
        outputs, stats = network.apply(
            student, inputs_of(task, example), train=True, key=own
        )
        found, moved = vectors_of(params, state.stats, state, train=True, key=other)
        terms = supervised_terms(task, named(outputs, found), example)
        return sum(terms.values()), Aux(
            loss_metrics(terms), {'student': stats, **moved}
        )

    def predict(state: State, inputs: PyTree, *, key: Array | None = None) -> Outputs:
        student = student_of(state.params, state.stats)
        outputs, _ = network.apply(student, inputs, train=False, key=key)
        found, _ = vectors_of(state.params, state.stats, state, train=False, key=None)
        return named(outputs, found)

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=predict,
        needs={'labelled': Stream(tuple(task.example), (view,))},
        answers={'student': predict},
    )


def vectors(given: dict, width: int) -> Array:
    """Returns ``given['class_vectors']`` [C, D] float32, checked.

    Raises:
      InputError: if there are none, or they are of another width.
    """
    if 'class_vectors' not in given:
        raise InputError(
            "given has no 'class_vectors' [C, D]; pass what an encoder of texts, or of "
            'prototypes, makes of the names of the classes.'
        )
    found = jnp.asarray(given['class_vectors'], jnp.float32)
    if found.ndim != 2 or found.shape[1] != width:
        raise InputError(
            f"given['class_vectors'] is {found.shape}; features of width {width} need "
            f'[C, {width}].'
        )
    return found


def spelled(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns names as texts of letters, for ``models.text_cnn``.

    Args:
      names: in small letters a to z, and blanks.

    Returns:
      'tokens' [C, T] int32 in [0, 28), filled up by 0, and 'length' [C] int32.

    Raises:
      InputError: for any other sign, or an empty name.
    """
    letters = {x: i for i, x in enumerate('abcdefghijklmnopqrstuvwxyz ', start=1)}
    for name in names:
        if not name or set(name) - set(letters):
            raise InputError(f'names have {name!r}; spell them in letters a to z.')
    longest = max(map(len, names))
    tokens = np.zeros((len(names), longest), np.int32)
    for i, name in enumerate(names):
        tokens[i, : len(name)] = [letters[x] for x in name]
    return {'tokens': tokens, 'length': np.array([*map(len, names)], np.int32)}


def class_vectors(encoder: Network, variables: Variables) -> ClassVectors:
    """Returns ``names -> [C, D]`` of a trained encoder, the protocol of class vectors.

    CLIP's own encoder takes byte pairs; there it is ``clip_text`` after a tokenizer.

    Args:
      encoder: as ``named_classes`` has it.
      variables: of it.
    """

    def of(names: Sequence[str]) -> Array:
        return encoder.apply(variables, spelled(names), train=False)[0]['features']

    return of
