"""What a step of each paper-scale configuration costs, without running it.

    python -m experiments.benchmarks.traced
    python -m experiments.benchmarks.traced --real=2 --only=vit_small:fixmatch

Traces init and step at full shape, without data and without an array:

- parameters: of the student's network alone.
- state: bytes of all that a checkpoint holds: networks, momentum, averages, tables.
- FLOPs: of the lowered step before any compiler has seen it, its views among them; a
  multiplication and an addition are two, a loop's body counts once.
- activations: most bytes alive at once beside what the step is given, if it ran one
  operation after the other as traced and kept nothing longer than needed. XLA on a CPU
  took 0.9 to 1.3 times as much for small steps of a WRN-10-2, a small CNN and a ViT.

``--real=B`` also takes one step on random bytes at batch size B with the full network:
its loss has to be finite. Rows of an earlier run that this one does not trace stay.
"""

from __future__ import annotations

import importlib
import inspect
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from jax.extend import core

from experiments import build, launch
from experiments.machine import describe
from ssljax import data
from ssljax.contracts import Method, PyTree
from ssljax.train import writers

_OUT = flags.DEFINE_string('out', 'experiments/results', 'Folder of traced.*')
_ONLY = flags.DEFINE_string('only', '', "Only what has it in '<config>:<method>'.")
_REAL = flags.DEFINE_integer('real', 0, 'Batch size of one real step; 0 for none.')


class Data(NamedTuple):
    """The shape of a data set."""

    field: str
    shape: tuple[int, ...]
    dtype: str
    classes: int
    rows: int  # that are trained on
    labels: tuple[tuple[str, tuple[int, ...], str], ...] = (('label', (), 'int32'),)


class Case(NamedTuple):
    """A configuration and what is put behind its colon, or some of its stages."""

    config: str  # below experiments/configs
    data: Data
    methods: tuple[str, ...]
    changes: tuple[tuple[str, Any], ...] = ()  # of the configuration


_CIFAR = Data('image', (32, 32, 3), 'uint8', 10, 50_000)
_STL = Data('image', (96, 96, 3), 'uint8', 10, 105_000)
_IMAGENET = Data('image', (256, 256, 3), 'uint8', 1000, 1_281_167)
_TWO = ('fixmatch', 'freematch')
_SOUND = ('mean_teacher', 'deep_co_training', 'mixmatch', 'remixmatch', 'fixmatch')
_MEDICAL = ('supervised', 'mean_teacher', 'uamt', 'cps', 'unimatch', 'bcp')


def _masks(shape: tuple[int, ...], classes: int, rows: int) -> Data:
    mask = (('mask', shape[:-1], 'uint8'),)
    return Data('image', shape, 'uint8', classes, rows, mask)


CASES = (
    Case(
        'cifar10/wrn_28_2',
        _CIFAR,
        ('supervised', 'pseudo_label', 'pi_model', 'mean_teacher', 'vat', 'mixmatch')
        + ('remixmatch', 'uda', 'fixmatch', 'flexmatch', 'freematch', 'softmatch')
        + ('adamatch', 'dash', 'comatch', 'simmatch', 'deep_co_training'),
    ),
    Case(
        'w300/tsal',
        Data(
            'image',
            (10, 256, 256, 3),
            'uint8',
            0,
            9450,
            (
                ('landmarks', (10, 68, 2), 'float32'),
                ('visible', (10, 68), 'bool'),
                ('annotated', (10,), 'bool'),
            ),
        ),
        ('supervised', 'mean_teacher', 'sbr', 'tsal'),
    ),
    Case('cifar100/wrn_28_8', _CIFAR._replace(classes=100), _TWO),
    Case('svhn/wrn_28_2', _CIFAR._replace(rows=73_257), _TWO),
    Case('stl10/wrn_37_2', _STL, _TWO),
    Case('cifar100/vit_small', _CIFAR._replace(classes=100), _TWO),
    Case('stl10/vit_base', _STL, _TWO),
    Case('esc10/wrn_28_2', Data('wave', (220_500,), 'float32', 10, 320), _SOUND),
    Case(
        'cifar100/distillation',
        _CIFAR._replace(classes=100),
        ('kd', 'dkd', 'attention', 'relations', 'contrast'),
    ),
    Case('imagenet/simclrv2', _IMAGENET, ('pretrain', 'finetune', 'distil')),
    Case('imagenet/ssld', _IMAGENET, ('distil',)),
    Case('ubs8k/wrn_28_2', Data('wave', (88_200,), 'float32', 10, 7860), _SOUND),
    Case('gsc/wrn_28_2', Data('wave', (16_000,), 'float32', 35, 84_843), _SOUND),
    Case('left_atrium/vnet', _masks((88, 128, 128, 1), 2, 80), _MEDICAL),
    Case('acdc/unet', _masks((256, 256, 1), 4, 1312), _MEDICAL),
    Case('pascal/deeplab', _masks((512, 512, 3), 21, 10_582), ('unimatch',)),
    Case('brats/unet', _masks((155, 240, 240, 1), 2, 250), ('mean_teacher',)),
    Case(
        'brats/unet',
        _masks((155, 240, 240, 1), 2, 250),
        ('mean_teacher',),
        (('networks.network.remat', True),),
    ),
)


def main() -> None:
    """Traces, prints and writes."""
    out = Path(_OUT.value)
    path = out / 'traced.json'
    known = json.loads(path.read_text())['rows'] if path.exists() else []
    found = {
        _name(row['config'], row['method'], row.get('changes', ())): row
        for row in known
    }
    names = {
        _name(case.config, method, case.changes): (case, method)
        for case in CASES
        for method in case.methods
    }
    for name, (case, method) in names.items():
        if _ONLY.value not in name:
            continue
        row = {**found.get(name, {}), **traced(case, method)}
        if _REAL.value:
            row['real'] = real(case, method, _REAL.value)
        found[name] = row
        print(markdown([row]).splitlines()[-1], flush=True)
        rows = [found[name] for name in names if name in found]
        out.mkdir(parents=True, exist_ok=True)
        writers.write_json(path, {'rows': rows, **describe()})
        (out / 'traced.md').write_text(markdown(rows))


def _name(config: str, method: str, changes: Sequence[tuple[str, Any]]) -> str:
    return ' '.join([f'{config}:{method}', *_shown(changes)])


def _shown(changes: Sequence[tuple[str, Any]]) -> list[str]:
    return [f'{field.rpartition(".")[2]}={value}' for field, value in changes]


def traced(case: Case, name: str) -> dict[str, Any]:
    """Returns the row of a configuration: numbers of parameters, bytes, operations."""
    method, batch, given = built(case, name)
    state = jax.eval_shape(method.init, jax.random.key(0), batch, jax.eval_shape(given))
    step = jax.jit(method.step).trace(state, batch)
    student = state.params['student']
    return {
        'config': case.config,
        'method': name,
        'changes': case.changes,
        'batch': {stream: x['index'].shape[0] for stream, x in batch.items()},
        'parameters': sum(x.size for x in jax.tree.leaves(student)),
        'state_bytes': _bytes(state),
        'flops': step.lower().cost_analysis()['flops'],
        'activation_bytes': peak(step.jaxpr.jaxpr) - _bytes((state, batch)),
    }


def configured(case: Case, name: str) -> tuple[Any, Mapping[str, Any]]:
    """Returns the configuration, and the stage of that name if it has stages."""
    module = importlib.import_module(
        f'experiments.configs.{case.config.replace("/", ".")}'
    )
    takes = inspect.signature(module.get_config).parameters
    config = module.get_config(name) if takes else module.get_config()
    config.update_from_flattened_dict(dict(case.changes))
    return config, config.stages[name] if 'stages' in config and not takes else {}


def built(
    case: Case, name: str, size: int = 0
) -> tuple[Method, PyTree, Callable[[], Mapping[str, Any]]]:
    """Returns a Method, the shapes of a batch of raw examples, and its teacher.

    Args:
      case: the configuration.
      name: what stands behind its colon, or a stage.
      size: in the place of its batch size; 0 for that.

    Returns:
      The third is ``() -> given`` of ``Method.init``: a teacher of any weights where
      the stage has one.
    """
    config, stage = configured(case, name)
    config.batch_size = size or config.batch_size
    dataset = blank(case.data, config)
    options = {x: stage.get(x, {}) for x in ('network', 'rates')} if stage else {}
    method = build.job(config, dataset=dataset).method(
        stage.get('method'),
        steps=stage.get('steps'),
        **options,
        **stage.get('args', {}),
    )

    def given():
        if 'teacher_from' not in stage:
            return {}
        spec = config.networks.teacher_network
        network = build.net(spec, dataset, config.precision)
        inputs = jnp.zeros((1, *case.data.shape), jnp.float32)
        return {'teacher': network.init(jax.random.key(1), inputs)}

    batch = {}
    for stream, wanted in method.needs.items():
        rows = round(config.batch_size * wanted.ratio)
        fields = {case.data.field: (case.data.shape, case.data.dtype)}
        fields |= {label: kind for label, *kind in case.data.labels}
        fields['index'] = ((), 'int32')
        batch[stream] = {
            field: jax.ShapeDtypeStruct((rows, *shape), dtype)
            for field, (shape, dtype) in fields.items()
            if field in (*wanted.fields, 'index')
        }
    return method, batch, given


def blank(shape: Data, config: Any) -> data.Dataset:
    """Returns a data set of zeros, which take no memory, split as the config says."""
    kinds = [(shape.field, shape.shape, shape.dtype), *shape.labels]
    fields = {
        name: np.broadcast_to(np.zeros((), dtype), (shape.rows, *one))
        for name, one, dtype in kinds
    }
    if 'label' in fields and shape.classes:
        fields['label'] = np.arange(shape.rows, dtype=np.int32) % shape.classes
    every = np.arange(shape.rows, dtype=np.int32)
    rows = {'unlabelled': every, 'validation': every[:0], 'test': every[:0]}
    count = config.labels_per_class * shape.classes or config.get('labels')
    rows['labelled'] = every[:count]
    source = data.Arrays(fields, fingerprint='zeros')
    return data.Dataset('zeros', source, rows, shape.classes, {'hash': 'zeros'})


def peak(jaxpr: core.Jaxpr) -> int:
    """Most bytes alive at once, with what comes in, running in the order of the trace.

    What an operation runs inside, such as the body of a loop, counts while it runs.
    """
    ends = {v: i for i, eqn in enumerate(jaxpr.eqns) for v in _variables(eqn.invars)}
    ends |= dict.fromkeys(_variables(jaxpr.outvars), len(jaxpr.eqns))
    inputs = [*jaxpr.invars, *jaxpr.constvars]  # held by the caller to the end
    alive = most = sum(map(_size, inputs))
    held: dict[int, list[int]] = {}
    for i, eqn in enumerate(jaxpr.eqns):
        made = [v for v in eqn.outvars if v in ends]
        for v in made:
            held.setdefault(ends[v], []).append(_size(v))
        alive += sum(map(_size, made))
        most = max(most, alive + max(map(_inside, _bodies(eqn)), default=0))
        alive -= sum(held.pop(i, ()))
    return most


def _inside(jaxpr: core.Jaxpr) -> int:
    """Bytes that a body needs beside what goes in and comes out."""
    own = [*jaxpr.invars, *jaxpr.constvars, *_variables(jaxpr.outvars)]
    return max(0, peak(jaxpr) - sum(map(_size, own)))


def _bodies(eqn: core.JaxprEqn) -> list[core.Jaxpr]:
    found = jax.tree.leaves(
        list(eqn.params.values()),
        is_leaf=lambda x: isinstance(x, core.Jaxpr | core.ClosedJaxpr),
    )
    found = [x.jaxpr if isinstance(x, core.ClosedJaxpr) else x for x in found]
    return [x for x in found if isinstance(x, core.Jaxpr)]


def _variables(atoms) -> list[core.Var]:
    return [v for v in atoms if isinstance(v, core.Var)]


def _size(v: core.Var) -> int:
    return _bytes(v.aval)


def _bytes(tree: PyTree) -> int:
    """Of arrays or their shapes; a key is what it is made of."""

    def one(x):
        if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            x = jax.eval_shape(
                jax.random.key_data, jax.ShapeDtypeStruct(x.shape, x.dtype)
            )
        return x.size * x.dtype.itemsize

    return sum(map(one, jax.tree.leaves(tree)))


def real(case: Case, name: str, size: int) -> dict[str, Any]:
    """Takes one step of a configuration on random bytes; returns loss and seconds."""
    method, batch, given = built(case, name, size)
    draw = np.random.default_rng(0)

    def drawn(x):
        if x.dtype == np.float32:
            return draw.uniform(-1, 1, x.shape).astype(x.dtype)
        high = 256 if x.dtype == np.uint8 else size
        return draw.integers(0, high, x.shape).astype(x.dtype)

    batch = jax.tree.map(drawn, batch)
    start = time.perf_counter()
    teacher = jax.jit(given)()
    state = jax.jit(method.init)(jax.random.key(0), batch, teacher)
    new, metrics = jax.jit(method.step, donate_argnums=0)(state, batch)
    loss = float(metrics['loss'])
    if not (np.isfinite(loss) and int(new.step) == 1):
        raise RuntimeError(f'{case.config}:{name} has the loss {loss}.')
    taken = time.perf_counter() - start
    return {'batch_size': size, 'loss': loss, 'seconds': round(taken, 1)}


def markdown(rows: list[dict[str, Any]]) -> str:
    """Returns the table."""
    head = (
        'config, method, rows a step, parameters, state, FLOPs, activations, real step'
    )
    lines = [f'| {head.replace(", ", " | ")} |', f'|---|---{"|--:" * 6}|']
    for row in rows:
        taken = row.get('real')
        cells = (
            row['config'],
            ' '.join([row['method'], *_shown(row.get('changes', ()))]),
            sum(row['batch'].values()),
            f'{row["parameters"] / 1e6:.2f} M',
            f'{row["state_bytes"] / 2**20:.0f} MiB',
            f'{row["flops"] / 1e9:.0f} G',
            f'{row["activation_bytes"] / 2**30:.2f} GiB',
            f'loss {taken["loss"]:.2f} at B {taken["batch_size"]}' if taken else '',
        )
        lines.append(f'| {" | ".join(map(str, cells))} |')
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    launch.run(main)
