"""Faces whose every motion is known."""

import pickle

import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data import sources
from ssljax.data.sources import moving_faces
from ssljax.data.sources.moving_faces import MIRROR, NAMES

PLAIN = {'lighting': 0.0, 'noise': 0.0, 'clutter': 0}


def _read(image, points):
    """Bilinear, image [H, W] at points [N, 2] inside it."""
    low = np.floor(points).astype(int)
    low = np.minimum(low, np.array(image.shape[::-1]) - 2)
    (x, y), (a, b) = low.T, (points - low).T
    top = image[y, x] * (1 - a) + image[y, x + 1] * a
    return top * (1 - b) + (image[y + 1, x] * (1 - a) + image[y + 1, x + 1] * a) * b


def test_fields():
    source = moving_faces.moving_faces(3, 4, (32, 40), num_landmarks=9, flow=True)
    clip = source[1]
    kinds = {name: (value.shape, value.dtype.name) for name, value in clip.items()}
    assert kinds == {
        'image': ((4, 32, 40, 1), 'float32'),
        'landmarks': ((4, 9, 2), 'float32'),
        'visible': ((4, 9), 'bool'),
        'annotated': ((4,), 'bool'),
        'person': ((), 'int32'),
        'flow': ((3, 32, 40, 2), 'float32'),
    }
    assert clip['image'].min() >= 0 and clip['image'].max() <= 1
    assert clip['annotated'].all() and clip['visible'].mean() > 0.8
    single = moving_faces.moving_faces(3, 1, (32, 40), num_landmarks=9)[1]
    shapes = {name: value.shape for name, value in single.items()}
    assert shapes == {
        'image': (32, 40, 1),
        'landmarks': (9, 2),
        'visible': (9,),
        'annotated': (),
        'person': (),
    }


def test_a_row_depends_on_seed_and_number_alone():
    options = {'frames': 3, 'size': (24, 24)}
    few = moving_faces.moving_faces(2, seed=5, identities=2, **options)
    many = moving_faces.moving_faces(7, seed=5, identities=2, **options)
    for name, value in few[1].items():
        np.testing.assert_array_equal(value, many[1][name], name)
    other = moving_faces.moving_faces(2, seed=6, identities=2, **options)
    assert np.abs(few[1]['image'] - other[1]['image']).max() > 0.1
    assert np.abs(few[1]['image'] - many[3]['image']).max() > 0.1
    assert len({source.fingerprint() for source in (few, other, many)}) == 3
    assert pickle.loads(pickle.dumps(few)).fingerprint() == few.fingerprint()
    with pytest.raises(IndexError):
        few[2]
    memory, bad = sources.decoded(few)
    assert not bad and memory.fields['image'].shape == (2, 3, 24, 24, 1)


def test_a_person_has_one_shape():
    source = moving_faces.moving_faces(4, 1, (24, 24), identities=2, expression=0.0)
    assert [int(row['person']) for row in source] == [0, 1, 0, 1]
    places = np.stack([row['landmarks'] for row in source]).astype(np.float64)
    # Without expressions a face is moved, turned and sized: as complex numbers that is
    # a sum and a product, which the angle between two faces does not see.
    flat = places @ (1, 1j) - (places @ (1, 1j)).mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    apart = 1 - np.abs(flat.conj() @ flat.T)
    assert max(apart[0, 2], apart[1, 3]) < 1e-9
    assert min(apart[0, 1], apart[0, 3], apart[2, 1], apart[2, 3]) > 1e-3


def test_flow_carries_landmarks_and_picture():
    source = moving_faces.moving_faces(4, 6, (64, 64), flow=True, **PLAIN)
    moved, errors, lag = [], [], []
    for clip in (source[i] for i in range(4)):
        for t in range(5):
            # Landmarks inside the head; those on its edge lie half on the background.
            at = clip['landmarks'][t][[0, 1, 2, 3, 4, 6, 7]].astype(np.float64)
            flow = np.stack([_read(clip['flow'][t][..., k], at) for k in (0, 1)], -1)
            to = clip['landmarks'][t + 1][[0, 1, 2, 3, 4, 6, 7]]
            errors.append(np.abs(at + flow - to).max())
            moved.append(np.abs(to - at).max())
            first, second = clip['image'][t : t + 2, ..., 0]
            y, x = np.mgrid[8:56, 8:56].reshape(2, -1)
            sites = np.stack([x, y], -1) + clip['flow'][t, y, x]
            lag.append(np.median(np.abs(_read(second, sites) - first[y, x])))
            still = np.median(np.abs(second[y, x] - first[y, x]))
            assert lag[-1] < 0.4 * still
    assert max(moved) > 1.5
    assert max(errors) < 0.01  # of reading the flow between pixels


def test_nothing_moves_at_speed_0():
    source = moving_faces.moving_faces(2, 3, (32, 32), speed=0, flow=True, noise=0)
    assert np.abs(source[0]['flow']).max() < 1e-5
    np.testing.assert_array_equal(*source[1]['landmarks'][:2])


def test_landmarks_are_where_parts_are_drawn():
    source = moving_faces.moving_faces(12, 1, (64, 64), texture=0.0, **PLAIN)
    for row in (source[i] for i in range(12)):
        eye, nose, mouth = row['landmarks'][[0, 2, 3]]
        sites = np.stack([nose, mouth, (eye + mouth) / 2])
        tip, corner, cheek = _read(row['image'][..., 0], sites)
        assert abs(tip - cheek) > 0.1 and abs(corner - cheek) > 0.08


def test_what_is_covered_is_not_visible():
    clear = moving_faces.moving_faces(8, 3, (32, 32))
    covered = moving_faces.moving_faces(8, 3, (32, 32), occluded=1.0)
    hidden = [clear[i]['visible'] & ~covered[i]['visible'] for i in range(8)]
    assert 0.03 < np.mean(hidden) < 0.4
    for a, b in zip(clear, covered, strict=True):
        np.testing.assert_array_equal(a['landmarks'], b['landmarks'])


def test_frames_that_are_annotated():
    clip = moving_faces.moving_faces(1, 5, (16, 16), annotated_every=2)[0]
    assert clip['annotated'].tolist() == [True, False, True, False, True]


def test_mirror_is_its_own_inverse():
    order = np.array(MIRROR)
    assert (order[order] == np.arange(len(NAMES))).all()
    for left, right in enumerate(MIRROR):
        swapped = NAMES[left].replace('left', '?').replace('right', 'left')
        assert swapped.replace('?', 'right') == NAMES[right]
    # Of the other numbers of landmarks some landmark lacks its partner.
    mirrored = [k for k in range(8, 17) if set(MIRROR[:k]) == set(range(k))]
    assert mirrored == [8, 9, 10, 14, 16]


@pytest.mark.parametrize('k', range(8, 17))
def test_faces_have_the_first_landmarks(k):
    options = {'clips': 2, 'frames': 1, 'size': (16, 16)}
    some, every = (
        moving_faces.moving_faces(**options, num_landmarks=number)[1]
        for number in (k, 16)
    )
    np.testing.assert_array_equal(some['landmarks'], every['landmarks'][:k])
    np.testing.assert_array_equal(some['image'], every['image'])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'num_landmarks': 7}, 'num_landmarks is 7; give 8 to 16'),
        ({'num_landmarks': 17}, 'num_landmarks is 17; give 8 to 16'),
        ({'num_landmarks': 9.5}, 'num_landmarks is 9.5; give an integer'),
        ({'size': (8, 32)}, r'size is \(8, 32\); give \(H, W\) or HxW, integers of at'),
        ({'size': 48}, r'size is 48; give \(H, W\)'),
        ({'size': (48, 48, 48)}, r'size is \(48, 48, 48\); give \(H, W\)'),
        ({'size': (48, 48.5)}, r'size is \(48, 48.5\); give \(H, W\)'),
        ({'frames': 0}, 'frames is 0'),
        ({'frames': 2.5}, 'frames is 2.5; give an integer of at least 1'),
        ({'frames': 1, 'flow': True}, 'frames is 1; give an integer of at least 2'),
        ({'flow': 2}, 'flow is 2; give True or False'),
        ({'seed': -1}, 'seed is -1; give an integer of at least 0'),
        ({'seed': 1.5}, 'seed is 1.5; give an integer'),
        ({'identities': 0}, 'identities is 0; give an integer of at least 1'),
        ({'annotated_every': 1.5}, 'annotated_every is 1.5; give an integer'),
        ({'clutter': 2.5}, 'clutter is 2.5; give an integer'),
        ({'clips': True}, 'clips is True; give an integer'),
        ({'noise': (1, 2)}, r'noise is \(1, 2\); give at least 0'),
        ({'occluded': 2.0}, 'occluded is 2.0; give 0 to 1'),
        ({'pose': (1, 2)}, r'pose is \(1, 2\); give 0 to 2'),
        ({'speed': float('nan')}, 'speed is nan'),
        ({'clips': 0}, 'clips is 0'),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(InputError, match=message):
        moving_faces.moving_faces(**({'clips': 2} | options))
