"""Joints of people in the forms that their authors publish."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from ssljax import data, tasks
from ssljax.contracts import InputError
from ssljax.data.sources import pose_files
from ssljax.data.sources.crops import Cut

CUT = Cut((16, 16), 0.0, channels=1)


def _picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('L', (60, 50), 90).save(path)


def _in_picture(source, row):
    left, top, scale = source.cut.region(source._boxes[row])
    return (source[row]['landmarks'] + 0.5) * scale + (left, top)


def _coco(**changes):
    person = {
        'image_id': 5,
        'bbox': [10.0, 10.0, 32.0, 32.0],
        'keypoints': [12, 14, 2, 30, 20, 1, 0, 0, 0],
        'area': 600.0,
        'iscrowd': 0,
    }
    images = [{'id': 9, 'file_name': 'b.png'}, {'id': 5, 'file_name': 'a.png'}]
    return {'images': images, 'annotations': [person | changes]}


def test_coco(tmp_path):
    content, crowd, empty = _coco(), _coco(iscrowd=1), _coco(keypoints=[0] * 9)
    content['annotations'] += crowd['annotations'] + empty['annotations']
    (tmp_path / 'k.json').write_text(json.dumps(content))
    _picture(tmp_path / 'a.png')
    source, parts = pose_files.coco_keypoints(
        tmp_path / 'k.json', tmp_path, CUT, num_landmarks=3
    )
    assert parts['train'].tolist() == [0] and len(source) == 1
    row = source[0]
    assert row['visible'].tolist() == [True, True, False] and row['picture'] == 1
    np.testing.assert_allclose(
        _in_picture(source, 0)[:2], [[12, 14], [30, 20]], atol=1e-5
    )
    # 32 pixels become 16; the error is a step of 3 and 4 of them.
    np.testing.assert_allclose(row['size'], np.sqrt(600) / 2, rtol=1e-6)
    task = tasks.landmarks(3, (16, 16, 1), sigma=1.0, normaliser='size')
    example = data.collate(source, parts['train'], task.example)
    found = {'landmarks': example['landmarks'] + np.float32([3, 4])}
    metric = task.metrics['nme']
    error = metric.result(metric.rows(found, example))['nme']
    np.testing.assert_allclose(error, 5 / (np.sqrt(600) / 2), rtol=1e-6)


def test_coco_without_areas(tmp_path):
    content = _coco(bbox=[10.0, 10.0, 8.0, 32.0])
    del content['annotations'][0]['area']
    (tmp_path / 'k.json').write_text(json.dumps(content))
    source, _ = pose_files.coco_keypoints(
        tmp_path / 'k.json', tmp_path, CUT, num_landmarks=3
    )
    np.testing.assert_allclose(source.columns['size'], 16 / 2)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'keypoints': [1, 2, 2]}, r'annotations\[0\]: keypoints is \[1, 2, 2\]'),
        ({'keypoints': [1, 2, 'x'] * 3}, r'annotations\[0\]: keypoints'),
        ({'keypoints': [10**400, 2, 2] * 3}, r'annotations\[0\]: keypoints'),
        ({'keypoints': [1, 2, 2, 1, 2, 3] + [0] * 3}, r'keypoints have v \[2.0, 3.0,'),
        ({'keypoints': [1, 2, -1] + [0] * 6}, r'keypoints have v \[-1.0'),
        ({'area': None}, r'annotations\[0\]: area is None; it should be a number'),
        ({'area': 'x'}, r'annotations\[0\]: area is x; it should be a number'),
        ({'area': float('nan')}, r'annotations\[0\]: area is nan; it should be'),
        ({'area': -2.5}, r'annotations\[0\]: area is -2.5; it should be above 0'),
        ({'area': 0}, r'annotations\[0\]: area is 0; it should be above 0'),
        ({'bbox': [1, 1, 0, 5]}, r'annotations\[0\]: bbox is .* empty'),
        ({'image_id': 6}, 'no image has the id 6'),
        ({'image_id': None}, 'image_id is None'),
    ],
)
def test_broken_coco(tmp_path, changes, message):
    (tmp_path / 'k.json').write_text(json.dumps(_coco(**changes)))
    with pytest.raises(InputError, match=message):
        pose_files.coco_keypoints(tmp_path / 'k.json', tmp_path, CUT, num_landmarks=3)


def test_two_pictures_of_one_id(tmp_path):
    content = _coco()
    content['images'].append({'id': 9, 'file_name': 'c.png'})
    (tmp_path / 'k.json').write_text(json.dumps(content))
    with pytest.raises(InputError, match=r'k\.json, images\[2\]: id is 9, as of im.*0'):
        pose_files.coco_keypoints(tmp_path / 'k.json', tmp_path, CUT, num_landmarks=3)


@pytest.mark.parametrize(
    'text',
    [
        *('', '[]', '{"images": []}', '{"images": [], "annotations": []}'),
        *('{"images": 3, "annotations": []}', '{"images": [], "annotations": null}'),
        '{"images": {}, "annotations": []}',
    ],
)
def test_no_coco(tmp_path, text):
    (tmp_path / 'k.json').write_text(text)
    with pytest.raises(InputError, match='k.json'):
        pose_files.coco_keypoints(tmp_path / 'k.json', tmp_path, CUT)


@pytest.mark.parametrize('extended', [False, True])
def test_lsp(tmp_path, extended):
    points = np.random.default_rng(0).uniform(5, 40, (4, 14, 2))
    flag = np.zeros((4, 14, 1))
    hidden = np.arange(14) % 4 == 3
    flag[:, hidden != extended] = 1  # hidden in LSP; in the extended set not hidden
    joints = np.concatenate([points + 1, flag], -1)
    joints = joints.transpose((1, 2, 0) if extended else (2, 1, 0))
    savemat(tmp_path / 'joints.mat', {'joints': joints})
    for number in range(1, 5):
        name = f'im{number:05d}.jpg' if extended else f'im{number:04d}.jpg'
        _picture(tmp_path / 'images' / name)
    source, parts = pose_files.lsp(tmp_path, CUT)
    row = source[2]
    assert row['hidden'].tolist() == hidden.tolist()
    assert row['visible'].tolist() == (~hidden if extended else hidden < 2).tolist()
    if extended:
        assert list(parts) == ['train'] and len(parts['train']) == 4
    else:
        assert {k: v.tolist() for k, v in parts.items()} == {
            'train': [0, 1],
            'test': [2, 3],
        }
    at = row['visible']
    np.testing.assert_allclose(_in_picture(source, 2)[at], points[2][at], atol=1e-4)
    low, high = points[2][at].min(0), points[2][at].max(0)
    np.testing.assert_allclose(source._boxes[2], [*low, *high])
    assert not row['landmarks'][~at].any()


def test_lsp_passes_over_who_can_not_be_cut_out(tmp_path):
    joints = np.zeros((14, 3, 4))
    joints[:, :2] = np.random.default_rng(0).uniform(5, 40, (14, 2, 4))
    joints[:6, 2, 0] = 1
    joints[5, 2, 2] = 1  # person 2 has no visible joint, 3 one, 4 two in one place
    joints[:2, 2, 3], joints[:2, :2, 3] = 1, 7
    joints[8:, :2, 0] = np.nan  # of joints that are not annotated
    savemat(tmp_path / 'joints.mat', {'joints': joints})
    source, parts = pose_files.lsp(tmp_path, CUT)
    assert source.names == ['images/im00001.jpg'] and parts['train'].tolist() == [0]
    assert source.columns['hidden'].sum() == 8
    savemat(tmp_path / 'joints.mat', {'joints': joints[..., 1:]})
    with pytest.raises(InputError, match=r'joints\.mat holds no person with a joint'):
        pose_files.lsp(tmp_path, CUT)


def test_broken_lsp(tmp_path):
    with pytest.raises(InputError, match=r'joints\.mat is no readable file'):
        pose_files.lsp(tmp_path, CUT)
    savemat(tmp_path / 'joints.mat', {'joints': np.zeros((3, 13, 2))})
    with pytest.raises(InputError, match=r'joints \(3, 13, 2\)'):
        pose_files.lsp(tmp_path, CUT)
    savemat(tmp_path / 'joints.mat', {'joints': np.full((3, 14, 2), np.nan)})
    with pytest.raises(InputError, match='joints of person 1 are no numbers'):
        pose_files.lsp(tmp_path, CUT)
    savemat(tmp_path / 'joints.mat', {'joints': np.zeros((3, 14, 0))})
    with pytest.raises(InputError, match=r'joints\.mat holds no person'):
        pose_files.lsp(tmp_path, CUT)
    cells = np.full((3, 14, 2), None)
    cells[:] = 'x'
    savemat(tmp_path / 'joints.mat', {'joints': cells})
    with pytest.raises(InputError, match=r'joints \(3, 14, 2\) \(object\)'):
        pose_files.lsp(tmp_path, CUT)


def _mpii(**changes):
    person = {
        'image': 'a.png',
        'joints': [[10.0 + k, 12.0] for k in range(15)] + [[-1.0, -1.0]],
        'joints_vis': [1] * 15 + [0],
        'center': [21.0, 21.0],
        'scale': 0.1,
    }
    return [person | changes]


def test_mpii(tmp_path):
    (tmp_path / 'train.json').write_text(json.dumps(_mpii()))
    _picture(tmp_path / 'a.png')
    source, parts = pose_files.mpii(tmp_path / 'train.json', tmp_path, CUT)
    assert parts['train'].tolist() == [0]
    expected = [[9.0 + k, 11.0] for k in range(15)]
    np.testing.assert_allclose(_in_picture(source, 0)[:15], expected, atol=1e-5)
    assert source[0]['visible'].tolist() == [True] * 15 + [False]
    # A square of 20 around the centre, 20 from 0, becomes 16.
    assert source.cut.region(source._boxes[0]) == (10.0, 10.0, 1.25)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'joints': [[1, 2]] * 15}, r'\[0\]: joints is'),
        ({'scale': 0}, r'\[0\]: scale is 0'),
        ({'scale': None}, r'\[0\]: scale is None'),
        ({'image': '../a.png'}, 'lies outside'),
        ({'joints_vis': [0] * 16}, 'no person with a joint'),
    ],
)
def test_broken_mpii(tmp_path, changes, message):
    (tmp_path / 'train.json').write_text(json.dumps(_mpii(**changes)))
    with pytest.raises(InputError, match=message):
        pose_files.mpii(tmp_path / 'train.json', tmp_path, CUT)
