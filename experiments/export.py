"""Takes a trained network out of ssljax: its weights, or ``predict`` as a program.

::

    python -m experiments.export --workdir=runs/digits/fixmatch-seed0 --output=model.jax
    python -m experiments.export --workdir=... --output=model.npz

``model.jax`` answers raw inputs as ``experiments.predict`` does, with its weights, for
any number of them, on CPU, GPU and TPU, wherever jax and flatbuffers are::

    predict = jax.export.deserialize(open('model.jax', 'rb').read()).call
    predict(images)  # [b, H, W, channels] to probabilities [b, C]

``model.npz`` holds the weights that the method ships, by their path:
``params/conv1/kernel``, ``stats/norm1/mean``. What else there is to know (classes,
shape and dtype of the inputs, the networks' configuration) is JSON: in ``model.json``,
or in the .npz under the name ``about``.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags

import ssljax
from experiments import build, launch
from ssljax.contracts import InputError, Method, State, inputs_of
from ssljax.programs.job import Job, variables_of
from ssljax.train import writers

PLATFORMS = ('cpu', 'cuda', 'tpu')

_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of a job of experiments.train.')
_METHOD = flags.DEFINE_string('method', None, 'That of the job, if a file has it.')
_OUTPUT = flags.DEFINE_string(
    'output', 'model.jax', 'A program, model.jax, or weights, model.npz.'
)
flags.mark_flag_as_required('workdir')


def main() -> None:
    """Runs what the flags say."""
    output = Path(_OUTPUT.value)
    if output.suffix not in ('.jax', '.npz'):
        raise InputError(
            f'output is {output}; give a name that ends in .jax, for predict as a '
            'program, or in .npz, for the weights.'
        )
    if output.suffix == '.jax' and not importlib.util.find_spec('flatbuffers'):
        raise InputError('A .jax file needs flatbuffers: pip install flatbuffers')
    job, method, state = build.trained(Path(_WORKDIR.value), method=_METHOD.value)
    told = about(job, method, state)
    write = write_program if output.suffix == '.jax' else write_weights
    try:
        print(write(output, job, method, state, told))
    except OSError as error:
        raise InputError(f'output {output} can not be written: {error}') from error


def write_program(
    output: Path, job: Job, method: Method, state: State, told: dict[str, Any]
) -> str:
    """Writes model.jax and model.json, and says so."""
    content = program(job, method, state).serialize()
    with writers.replace(output) as file:
        file.write(content)
    beside = output.with_suffix('.json')
    writers.write_json(beside, told)
    wanted = [
        f'{name} {["b", *spec["shape"]]} {spec["dtype"]}'.replace("'", '')
        for name, spec in told['inputs'].items()
    ]
    return f'predict of {", ".join(wanted)} in {output}, its classes in {beside}'


def write_weights(
    output: Path, job: Job, method: Method, state: State, told: dict[str, Any]
) -> str:
    """Writes model.npz, and says so."""
    found = weights(method, state)
    with writers.replace(output) as file:
        np.savez(file, about=np.array(json.dumps(told)), **found)
    size = sum(array.size for array in found.values())
    return f'{len(found)} arrays, {size} numbers, in {output}'


def about(job: Job, method: Method, state: State) -> dict[str, Any]:
    """Returns what one must know to use the weights, for JSON."""
    config = json.loads(job.config.to_json())
    return {
        'ssljax': ssljax.__version__,
        'method': config['method'],
        'weights': method.ship,
        'step': int(state.step),
        'classes': list(job.data.classes),
        'inputs': {
            name: {'shape': list(struct.shape), 'dtype': str(struct.dtype)}
            for name, struct in inputs(job).items()
        },
        'plain': config['views'].get('plain', {}),  # what inputs are seen through
        'networks': config['networks'],
    }


def inputs(job: Job) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns shape and dtype of one raw example's inputs, as the data have them."""
    example = job.data.source[int(job.data.rows['labelled'][0])]
    fields = {name: np.asarray(example[name]) for name in job.task.inputs}
    return {n: jax.ShapeDtypeStruct(x.shape, x.dtype) for n, x in fields.items()}


def weights(method: Method, state: State) -> dict[str, np.ndarray]:
    """Returns the arrays that the method ships by path, 'params/...' and 'stats/...'.

    Raises:
      InputError: if they are not those of one network.
    """
    shipped = variables_of(state, method.ship)
    return {
        jax.tree_util.keystr(path, simple=True, separator='/'): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(shipped)
    }


def program(job: Job, method: Method, state: State) -> jax.export.Exported:
    """Returns ``predict`` of raw inputs, one array or a dict of several, [b, ...]."""
    numbers = jax.tree.map(_constant, state)

    def predict(raw):
        raw = raw if isinstance(raw, dict) else {job.task.inputs[0]: raw}
        outputs = method.predict(numbers, inputs_of(job.task, job.see(raw)))
        return job.task.decode(outputs)

    (b,) = jax.export.symbolic_shape('b')
    wanted = {
        name: jax.ShapeDtypeStruct((b, *struct.shape), struct.dtype)
        for name, struct in inputs(job).items()
    }
    traced = jax.export.export(jax.jit(predict), platforms=PLATFORMS)
    return traced(inputs_of(job.task, wanted))


def _constant(leaf: jax.Array) -> Any:
    """A number of the program: on no device, so that it says nothing of any."""
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return leaf
    return np.asarray(leaf)


if __name__ == '__main__':
    launch.run(main)
