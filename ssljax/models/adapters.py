"""From flax modules to Networks: the one place where flax meets the contract.

Flax layers have two switches, ``use_running_average`` (batch norm) and
``deterministic`` (dropout). The adapters set both on every submodule, and put them in
the place of whatever a module hands to its layers at call time, so that ``train``
moves the first and ``key`` the second, independently, even in a module that knows one
flag for both.

Inside ``jax.shard_map`` every device draws noise of its own for its rows, and the new
statistics are the mean over the devices. So a layer that knows nothing of devices, such
as ``nnx.BatchNorm``, normalises each device's rows by themselves and keeps running
statistics that are the same everywhere; ``norms.BatchNorm`` can do either.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from flax import errors, linen, nnx, traverse_util

from ssljax import shards
from ssljax.contracts import InputError, Network, Outputs, Variables

_NO_PARTS: Mapping[str, str] = MappingProxyType({})


def from_nnx(
    make: Callable[[nnx.Rngs], nnx.Module], *, parts: Mapping[str, str] = _NO_PARTS
) -> Network:
    """Makes a Network of an nnx module.

    ``Variables.params`` are the module's ``nnx.Param``, ``Variables.stats`` all its
    other variables except random streams: plain nested dicts with string keys.

    Args:
      make: ``(rngs) -> module``, run abstractly here and for real by ``init``. The
        module is called with the inputs, and with ``train``, ``deterministic`` and
        ``use_running_average`` as far as its signature names them. It answers with a
        dict of Outputs, or with an array, which becomes ``{'logits': array}``.
      parts: more entry points, ``{part: method name}``. A part answers with a dict.

    Returns:
      The Network. ``init`` does not look at its inputs; ``apply`` raises InputError
      when the module draws random numbers although ``key`` is None.

    Raises:
      InputError: if make returns no nnx module, or one without parameters, or if a
        part is none of its methods.

    Example::

      class Net(nnx.Module):
          def __init__(self, rngs):
              self.linear = nnx.Linear(64, 10, rngs=rngs)
              self.dropout = nnx.Dropout(0.5, rngs=rngs)

          def __call__(self, x):
              return self.linear(self.dropout(x))

      network = from_nnx(Net)
    """
    skeleton = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
    if not isinstance(skeleton, nnx.Module):
        raise InputError(
            f'make must return an nnx.Module, found {type(skeleton).__name__}.'
        )
    _check_parts(skeleton, parts)
    graphdef, state = nnx.split(skeleton)
    leaves = dict(nnx.to_flat_state(state))  # path -> abstract variable
    params = [p for p, leaf in leaves.items() if isinstance(leaf, nnx.Param)]
    keys = [p for p, leaf in leaves.items() if isinstance(leaf, nnx.RngKey)]
    counts = [p for p, leaf in leaves.items() if isinstance(leaf, nnx.RngCount)]
    stats = [p for p in leaves if p not in {*params, *keys, *counts}]
    if not params:
        raise InputError(
            f'make returned a {type(skeleton).__name__} without any nnx.Param: '
            'there is nothing to train.'
        )

    def init(key, inputs):
        del inputs  # nnx modules know their shapes
        module = make(nnx.Rngs(key))
        return Variables(_nested(module, params), _nested(module, stats))

    def assemble(variables, key):
        values = {p: jnp.zeros(leaves[p].shape, jnp.uint32) for p in counts}
        if keys:
            fresh = jax.random.key(0) if key is None else key
            for path, one in zip(keys, jax.random.split(fresh, len(keys)), strict=True):
                values[path] = jax.random.split(one, leaves[path].shape)
        given = traverse_util.flatten_dict(variables._asdict())
        for group, paths in (('params', params), ('stats', stats)):
            for path in paths:
                values[path] = given[(group, *map(str, path))]
        return nnx.merge(graphdef, nnx.from_flat_state(values))

    def entry(method):
        def apply(variables, inputs, *, train: bool, key=None):
            module = assemble(variables, _own(key, inputs))
            switches = _switches(train, key)
            _command(module, switches)
            call = getattr(module, method)
            signature = {'train': train, **switches}
            args, kwargs = _told(call, (inputs,), {}, signature)
            outputs = _outputs(call(*args, **kwargs), method)
            if not train:
                return outputs, variables.stats
            return outputs, shards.mean(_nested(module, stats))

        return apply

    return Network(init, entry('__call__'), {k: entry(m) for k, m in parts.items()})


def from_linen(
    module: linen.Module, *, parts: Mapping[str, str] = _NO_PARTS
) -> Network:
    """Makes a Network of a linen module.

    ``Variables.params`` is the collection 'params', ``Variables.stats`` the dict of all
    other collections, such as ``{'batch_stats': ...}``. Every random stream, whatever
    its name, is fed from the one ``key``.

    Args:
      module: is called with the inputs, and with ``train``, ``deterministic`` and
        ``use_running_average`` as far as its signature names them. It answers with a
        dict of Outputs, or with an array, which becomes ``{'logits': array}``.
      parts: more entry points, ``{part: method name}``. A part answers with a dict.

    Returns:
      The Network. ``init`` raises InputError for a module without parameters, ``apply``
      for one that draws random numbers although ``key`` is None.

    Raises:
      InputError: if a part is none of the module's methods.
    """
    _check_parts(module, parts)

    def run(function, method, inputs, train, key):
        switches = _switches(train, key)
        signature = {'train': train, **switches}
        args, kwargs = _told(getattr(module, method), (inputs,), {}, signature)
        with linen.intercept_methods(functools.partial(_intercept, switches)):
            return function(*args, **kwargs)

    def init(key, inputs):
        start = functools.partial(module.init, key)
        collections = dict(run(start, '__call__', inputs, False, None))
        if 'params' not in collections:
            raise InputError(
                f'module {type(module).__name__} has no parameters: '
                'there is nothing to train.'
            )
        return Variables(collections.pop('params'), collections)

    def entry(method):
        def apply(variables, inputs, *, train: bool, key=None):
            go = functools.partial(
                module.apply,
                {'params': variables.params, **variables.stats},
                method=method,
                mutable=list(variables.stats) if train else [],
                # linen serves a stream that it was not given from 'params'
                rngs={} if key is None else {'params': _own(key, inputs)},
            )
            try:
                answer, moved = run(go, method, inputs, train, key)
            except errors.InvalidRngError as error:
                raise InputError(_NOISE) from error
            return _outputs(answer, method), {**variables.stats, **shards.mean(moved)}

        return apply

    return Network(init, entry('__call__'), {k: entry(m) for k, m in parts.items()})


_NOISE = (
    'The module draws random numbers although key is None: '
    'let it look at an attribute or argument `deterministic`, which is then True.'
)


def _check_parts(module, parts):
    for part, method in parts.items():
        if not callable(getattr(type(module), method, None)):
            raise InputError(
                f'parts[{part!r}] must name a method of {type(module).__name__}, '
                f'found {method!r}.'
            )


def _own(key, inputs):
    return None if key is None else shards.own_key(key, inputs)


def _switches(train: bool, key) -> dict[str, bool]:
    return {'use_running_average': not train, 'deterministic': key is None}


def _outputs(answer: Any, method: str) -> Outputs:
    if isinstance(answer, dict):
        return answer
    if isinstance(answer, jax.Array) and method == '__call__':
        return {'logits': answer}
    wanted = 'an array or a dict' if method == '__call__' else 'a dict'
    raise InputError(
        f"The module's {method} must answer with {wanted} of outputs such as "
        f"{{'logits': ...}}, found {type(answer).__name__}."
    )


def _told(function, args, kwargs, switches):
    """Puts the switches that function takes into the arguments of a call."""
    call = inspect.signature(function).bind_partial(*args, **kwargs)
    taken = call.signature.parameters
    call.arguments.update({k: v for k, v in switches.items() if k in taken})
    return call.args, call.kwargs


# linen -------------------------------------------------------------------------------


def _intercept(switches, call, args, kwargs, context):
    """Sets the switches of a linen module, as field or argument, before its method."""
    taken = inspect.signature(context.orig_method).parameters
    for name, value in switches.items():
        if hasattr(context.module, name):
            # Modules are frozen, but this one is the clone of this very call. Layers
            # want a switch as field or as argument, never both.
            value = None if name in taken else value
            object.__setattr__(context.module, name, value)
    args, kwargs = _told(context.orig_method, args, kwargs, switches)
    return call(*args, **kwargs)


# nnx ---------------------------------------------------------------------------------


def _nested(module, paths):
    values = dict(nnx.to_flat_state(nnx.state(module)))
    flat = {tuple(map(str, path)): _value(values[path]) for path in paths}
    return traverse_util.unflatten_dict(flat)


def _value(leaf):
    return leaf.get_value() if isinstance(leaf, nnx.Variable) else leaf


def _command(module, switches):
    """Sets the switches of an assembled module, and mutes its streams without a key."""
    for _, node in list(nnx.iter_graph(module)):
        if isinstance(node, nnx.Module):
            mine = {k: v for k, v in switches.items() if hasattr(node, k)}
            if mine:
                for name, value in mine.items():
                    setattr(node, name, value)
                kind = _obedient(type(node), tuple(mine.items()))
                object.__setattr__(node, '__class__', kind)
        elif isinstance(node, nnx.RngStream) and switches['deterministic']:
            object.__setattr__(node, '__class__', _Mute)


@functools.cache
def _obedient(kind, switches):
    """A kind of layer that overrules what its caller says about the switches."""

    @functools.wraps(kind.__call__)  # keeps the signature, which _told looks at
    def __call__(self, *args, **kwargs):
        args, kwargs = _told(kind.__call__, (self, *args), kwargs, dict(switches))
        return kind.__call__(*args, **kwargs)

    return type(kind)(kind.__name__, (kind,), {'__call__': __call__})


class _Mute(nnx.RngStream):
    def __call__(self):
        raise InputError(_NOISE)
