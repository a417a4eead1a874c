"""Data sets prepared by TensorFlow Datasets, read without TensorFlow."""

import io
import json
import pickle
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from ssljax.contracts import InputError
from ssljax.data import sources

IMAGE = {
    'pythonClassName': 'tensorflow_datasets.core.features.image_feature.Image',
    'image': {
        'shape': {'dimensions': ['4', '4', '3']},
        'dtype': 'uint8',
        'encodingFormat': 'png',
    },
}


class SslToy(tfds.core.GeneratorBasedBuilder):
    """Without TensorFlow it prepares no image: the PNG is a text, told to be one."""

    VERSION = tfds.core.Version('1.0.0')
    code_path = None  # looking for it needs a package that is not declared

    def _info(self):
        features = {
            'image': tfds.features.Text(),
            'id': tfds.features.Text(),
            'label': tfds.features.ClassLabel(names=['cat', 'dog']),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, _):
        return {
            split: self._generate_examples(count)
            for split, count in (('test', 3), ('train', 5), ('unsupervised', 2))
        }

    def _generate_examples(self, count):
        for i in range(count):
            file = io.BytesIO()
            Image.fromarray(np.full((4, 4, 3), i, np.uint8)).save(file, 'PNG')
            yield i, {'image': file.getvalue(), 'id': str(i), 'label': i % 2}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tfds')
    builder = SslToy(data_dir=str(folder), file_format='array_record')
    builder.download_and_prepare()
    path = folder / 'ssl_toy/1.0.0/features.json'
    features = json.loads(path.read_text())
    features['featuresDict']['features']['image'] = IMAGE
    path.write_text(json.dumps(features))
    return folder


def test_a_prepared_set(folder):
    source, rows = sources.tfds.read('ssl_toy', folder=folder)
    assert {part: len(some) for part, some in rows.items()} == {
        'train': 5,
        'test': 3,
        'unlabelled': 2,
    }
    assert source.classes == ('cat', 'dog')
    label = source.columns['label']
    assert sorted(label[rows['train']]) == [0, 0, 0, 1, 1]
    assert label[rows['unlabelled']].tolist() == [-1, -1]
    for part in ('train', 'test'):
        for row in rows[part]:
            example = source[row]
            assert example.keys() == {'image', 'label'}  # the text is passed over
            assert example['image'].shape == (4, 4, 3)
            assert example['image'].dtype == np.uint8
            assert example['image'].max() % 2 == example['label'] == label[row]
    assert source.name(6) == 'test[1]'
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(again[6]['image'], source[6]['image'])
    assert again.fingerprint() == source.fingerprint()
    assert 'tensorflow' not in sys.modules


def test_where_the_environment_says(folder, monkeypatch):
    monkeypatch.setenv('TFDS_DATA_DIR', str(folder))
    assert len(sources.tfds.read('ssl_toy:1.0.0')[0]) == 10


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('mnist', r'mnist is not prepared in .*run: python -c "import .*\(\)"$'),
        ('mnis', "'mnis' is no data set"),
        ('ssl_toy:2.0.0', 'only: 1.0.0'),
    ],
)
def test_what_is_not_there(folder, name, message):
    with pytest.raises(InputError, match=message):
        sources.tfds.read(name, folder=folder)
