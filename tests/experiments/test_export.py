"""export: the network outside of ssljax."""

import csv
import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import Variables

ALONE = """
import sys
import jax, numpy as np

predict = jax.export.deserialize(open('model.jax', 'rb').read()).call
images = np.load('own.npz')['image']
found = np.concatenate([predict(images[:3]), predict(images[3:])])
np.save('found.npy', found)
assert not [name for name in sys.modules if name.startswith(('ssljax', 'flax'))]
"""


@pytest.fixture
def answers(command, trained, tmp_path):
    """What experiments.predict says of five images: (images, classes, confidences)."""
    images = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    np.savez(tmp_path / 'own.npz', image=images)
    labels = tmp_path / 'labels.csv'
    flags = (f'--workdir={trained[0]}', f'--input={tmp_path}/own.npz')
    code, _, err = command('predict', *flags, f'--output={labels}')
    assert code == 0, err
    with open(labels, newline='') as file:
        rows = list(csv.DictReader(file))
    confidences = np.float32([row['confidence'] for row in rows])
    return images, [row['label'] for row in rows], confidences


def agree(found, about, answers):
    _, classes, confidences = answers
    assert found.shape == (5, 10)
    assert [about['classes'][column] for column in found.argmax(1)] == classes
    np.testing.assert_allclose(found.max(1), confidences, rtol=0, atol=1e-6)


def test_program(command, trained, answers, tmp_path):
    pytest.importorskip('flatbuffers')
    flags = (f'--workdir={trained[0]}', f'--output={tmp_path}/model.jax')
    code, out, err = command('export', *flags)
    assert code == 0, err
    assert 'predict of image [b, 8, 8, 1] float32 in' in out
    subprocess.run([sys.executable, '-c', ALONE], cwd=tmp_path, check=True)
    about = json.loads((tmp_path / 'model.json').read_text())
    agree(np.load(tmp_path / 'found.npy'), about, answers)
    exported = jax.export.deserialize((tmp_path / 'model.jax').read_bytes())
    assert exported.platforms == ('cpu', 'cuda', 'tpu')


def test_weights(command, trained, answers, tmp_path):
    flags = (f'--workdir={trained[0]}', f'--output={tmp_path}/model.npz')
    code, out, err = command('export', *flags)
    assert code == 0, err
    with np.load(tmp_path / 'model.npz') as file:
        stored = dict(file)
    about = json.loads(str(stored.pop('about')))
    assert f'{len(stored)} arrays' in out
    assert (about['method'], about['weights']) == ('fixmatch', 'teacher')
    assert about['step'] == 12 and about['ssljax']
    assert about['inputs'] == {'image': {'shape': [8, 8, 1], 'dtype': 'float32'}}

    spec = about['networks']['network']
    assert spec.pop('name') == 'small_cnn'
    classes = len(about['classes'])
    network = models.small_cnn(classes, image_channels=1, **spec)
    shapes = jax.eval_shape(network.init, jax.random.key(0), answers[0])

    def take(path, leaf):
        array = stored.pop(jax.tree_util.keystr(path, simple=True, separator='/'))
        assert array.shape == leaf.shape and array.dtype == leaf.dtype
        return array

    variables = jax.tree_util.tree_map_with_path(take, shapes)
    assert isinstance(variables, Variables) and not stored
    outputs, _ = network.apply(variables, answers[0], train=False)
    agree(np.asarray(jax.nn.softmax(outputs['logits'])), about, answers)


def test_refusals(refused, trained, tmp_path, monkeypatch):
    folder, _ = trained
    sentence = refused('export', f'--workdir={folder}', '--output=model.onnx')
    assert 'model.onnx; give a name that ends in .jax' in sentence
    (tmp_path / 'config.json').write_text((folder / 'config.json').read_text())
    output = f'--output={tmp_path}/model.npz'
    sentence = refused('export', f'--workdir={tmp_path}', output)
    assert 'holds no whole checkpoint' in sentence
    output = f'--output={tmp_path}/nowhere/model.npz'
    sentence = refused('export', f'--workdir={folder}', output)
    assert 'can not be written' in sentence
    monkeypatch.setitem(sys.modules, 'flatbuffers', None)
    sentence = refused('export', f'--workdir={folder}', '--output=model.jax')
    assert 'needs flatbuffers: pip install flatbuffers' in sentence
