"""From raw examples to the views that a method needs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, Example, InputError, Stream, View
from ssljax.views import sound, warp
from ssljax.views.images import as_float


def identity(key: Array, example: Example) -> Example:
    """The example as it is."""
    del key
    return example


def compose(*views: View) -> View:
    """Applies views in order, each with its own key."""

    def view(key, example):
        for one, part in zip(views, jax.random.split(key, len(views)), strict=True):
            example = one(part, example)
        return example

    return view


def maybe(probability: float, view: View) -> View:
    """Applies a view with a probability, and else leaves the example as it is.

    Args:
      probability: in [0, 1].
      view: that keeps shapes and adds no field but ``warp``, ``visible`` and
        ``valid``.

    Raises:
      InputError: if the probability is none, or (when called) the view adds another
        field or changes a shape.
    """
    warp.chance(probability)

    def view_or_not(key, example):
        own, coin = jax.random.split(key)
        seen, drawn = view(own, example), jax.random.bernoulli(coin, probability)
        unseen = {**_unmoved(seen), **example}
        # Integers that the view made floats are floats without it too.
        for name, convert in (('image', as_float), ('wave', sound.as_float)):
            if name in seen and seen[name].dtype != unseen[name].dtype:
                unseen[name] = convert(unseen[name])
        for name, x in seen.items():
            if name not in unseen or jnp.shape(x) != jnp.shape(unseen[name]):
                was = jnp.shape(unseen[name]) if name in unseen else 'nothing'
                raise InputError(
                    f'The view makes {name!r} {jnp.shape(x)} of {was}; maybe needs one '
                    'that leaves fields and shapes as they are.'
                )
        return {name: jnp.where(drawn, x, unseen[name]) for name, x in seen.items()}

    return view_or_not


def step_key(key: Array, step: Array | int) -> Array:
    """Returns the key of a step's views, [], wherever they are drawn.

    Args:
      key: of the run, ``State.key``.
      step: ``State.step`` before the step.
    """
    tag = zlib.crc32(b'views')
    return jax.random.fold_in(jax.random.fold_in(key, step), tag)


def prepare(
    needs: Mapping[str, Stream], views: Mapping[str, View], *, process: int = 0
) -> Callable:
    """Returns ``prepare(key, raw) -> batch``: adds the views that ``needs`` names.

    A digit after a view's name draws it again: 'weak' and 'weak2' are two independent
    draws of ``views['weak']``. Where there is a ``views['labelled_weak']``, the stream
    'labelled' draws that instead: labels may be learnt on stronger views than teachers
    are asked on. Each row has its own key; the same key, stream and view give the same
    view, whatever else is in the batch and on however many devices it lies. In a mesh
    (``jax.set_mesh``) each device draws the views of its own rows.

    A view of an image in bytes ends as float32 in [0, 1], whatever its last operation
    left: networks see floats only.

    A batch of ``data.resident`` has row numbers in its streams and the rows of all in
    ``raw['resident']``: they are gathered here.

    Args:
      needs: streams by name, as in ``Method.needs``.
      views: view functions by name, for one example each.
      process: whose part of each batch it is that ``raw`` holds, where views are drawn
        on hosts that have a part each.

    Raises:
      InputError: if a view is needed and not given, or (when called) a stream is
        missing from the raw batch.
    """
    for part, stream in needs.items():
        for name in stream.views:
            if not any(found in views for found in _names(part, name)):
                raise InputError(
                    f'The view {name!r} is needed and views has {sorted(views)}; '
                    f'add views[{_names(part, name)[-1]!r}].'
                )

    def run(key, raw):
        batch = {}
        for name, stream in needs.items():
            if name not in raw:
                raise InputError(
                    f'The batch has streams {sorted(raw)}; the method needs {name!r}.'
                )
            example = raw[name]
            if 'resident' in raw:
                example = {**_gathered(stream, example['index'], raw), **example}
            fields = {k: v for k, v in example.items() if k != 'index'}
            rows = example['index'].shape[0]
            own = process * rows + shards.row_numbers(rows, like=example['index'])
            batch[name] = dict(example)
            for view in stream.views:
                tag = zlib.crc32(f'{name}/{view}'.encode())
                keys = row_keys(jax.random.fold_in(key, tag), own)
                drawn = next(views[k] for k in _names(name, view) if k in views)
                batch[name][view] = _seen(drawn, keys, fields)
        return batch

    return run


def plain(view: View = identity) -> Callable[[Example], Example]:
    """Returns ``see(batch) -> batch``: how examples are scored and answered.

    Args:
      view: what is not random of the training views, such as ``normalize``.

    Returns:
      A function of a batch of examples [B, ...]; images in bytes become floats.
    """

    def see(batch):
        rows = jax.tree.leaves(batch)[0].shape[0]
        own = shards.row_numbers(rows, like=batch)
        return _seen(view, row_keys(jax.random.key(0), own), batch)

    return see


def row_keys(key: Array, numbers: Array) -> Array:
    """Returns a key for each row, [rows], as ``jax.random.split`` numbers them.

    Args:
      key: consumed, [].
      numbers: [rows] int32, of the rows in the whole batch, ``shards.row_numbers``.
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, numbers)


def _seen(view: View, keys: Array, batch: Example) -> Example:
    seen = shards.by_rows(jax.vmap(view), keys, batch)
    if 'image' in seen:
        seen = {**seen, 'image': as_float(seen['image'])}
    return seen


def _unmoved(seen: Example) -> Example:
    """What geometry adds to an example, as it is where nothing moved."""
    names = [name for name in ('visible', 'valid') if name in seen]
    unmoved: Example = {name: jnp.ones_like(seen[name]) for name in names}
    if 'warp' in seen:
        unmoved['warp'] = jnp.eye(seen['warp'].shape[-1])
    return unmoved


def _gathered(stream: Stream, index: Array, raw: Mapping) -> Example:
    return {field: raw['resident'][field][index] for field in stream.fields}


def _names(stream: str, view: str) -> tuple[str, str]:
    """What a view may stand under, the stream's own name first."""
    kind = view.rstrip('0123456789')
    return f'{stream}_{kind}', kind
