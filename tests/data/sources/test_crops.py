"""Landmarks stay on what they mark."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssljax.contracts import InputError
from ssljax.data import sources
from ssljax.data.sources import crops
from ssljax.data.sources.crops import Cut, Row


def _spot(x, y, size=(60, 80)):
    """A picture with one soft spot at (x, y)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    square = (columns - x) ** 2 + (rows - y) ** 2
    return np.uint8(np.round(250 * np.exp(-square / 18)))


def _centre(image):
    weight = image[..., 0].astype(float)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.mark.parametrize('size', [(32, 32), (24, 40), (120, 90)])
@pytest.mark.parametrize('margin', [0.0, 0.3])
def test_a_spot_is_where_its_landmark_is(size, margin):
    point, box = np.array([41.3, 27.8]), np.array([20.2, 11.0, 63.0, 50.7])
    cut = Cut(size, margin, channels=1)
    image = cut.crop(_spot(*point)[..., None], box)
    assert image.shape == (*size, 1) and image.dtype == np.uint8
    moved = cut.move(point[None], box)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(_centre(image), moved[0], atol=0.03)


def test_the_box_is_in_the_middle_and_nothing_is_stretched():
    cut, box = Cut((20, 40), 0.5, channels=1), np.array([10.0, 10.0, 20.0, 30.0])
    left, top, scale = cut.region(box)
    assert scale == 20 * 2 / 20  # the higher side, twice with its margins
    np.testing.assert_allclose([left + 40 * scale / 2, top + 20 * scale / 2], [15, 20])


def test_the_whole_picture_is_itself():
    picture = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    cut, box = Cut((12, 16), 0.0), np.array([-0.5, -0.5, 15.5, 11.5])
    np.testing.assert_array_equal(cut.crop(picture, box), picture)
    point = np.array([3.25, 7.5])
    np.testing.assert_allclose(cut.move(point, box), point)


def test_outside_is_black():
    picture = np.full((10, 10, 1), 200, np.uint8)
    image = Cut((20, 20), 0.5, channels=1).crop(
        picture, np.array([-0.5, -0.5, 9.5, 9.5])
    )
    assert (image[6:14, 6:14] == 200).all()
    assert not image[:4].any() and not image[:, -4:].any()


def test_rows_as_a_source(tmp_path):
    Image.fromarray(_spot(30, 20)).save(tmp_path / 'a.png')
    (tmp_path / 'b.png').write_text('no picture')
    box, points = np.array([10.0, 10, 50, 40]), np.array([[30.0, 20.0], [1.0, 1.0]])
    rows = [
        Row(name, box, points, np.array([True, False]), {'person': np.int32(7)})
        for name in ('a.png', 'b.png')
    ]
    source = crops.crops(tmp_path, rows, Cut((16, 16), channels=1))
    row = pickle.loads(pickle.dumps(source))[0]
    assert {k: v.shape for k, v in row.items()} == {
        'image': (16, 16, 1),
        'landmarks': (2, 2),
        'visible': (2,),
        'person': (),
        'annotated': (),
    }
    assert not row['landmarks'][1].any() and row['annotated']
    with pytest.raises(sources.BadItem, match=r'b\.png can not be read: no picture'):
        source[1]
    before = source.fingerprint()
    other = crops.crops(tmp_path, rows[::-1], Cut((16, 16), channels=1))
    assert other.fingerprint() != before
    Image.fromarray(_spot(31, 20)).save(tmp_path / 'a.png')
    assert source.fingerprint() != before
    absurd = rows[0]._replace(box=np.array([0, 0, 1e9, 1e9]))
    with pytest.raises(sources.BadItem, match='more than can be cut out'):
        crops.crops(tmp_path, [absurd], Cut((16, 16), channels=1))[0]


def test_pictures_that_exif_would_turn(tmp_path):
    picture = Image.fromarray(_spot(30, 20))
    for name, orientation in (('plain', 1), ('turned', 6), ('none', 0)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for ending in ('jpg', 'png'):
            picture.save(tmp_path / f'{name}.{ending}', exif=exif)
    points, seen = np.array([[30.0, 20.0]]), np.array([True])

    def read(name):
        row = Row(name, np.array([10.0, 10, 50, 40]), points, seen)
        return crops.crops(tmp_path, [row], Cut((16, 16), channels=1))[0]

    for ending in ('jpg', 'png'):
        for name in ('plain', 'none'):
            row = read(f'{name}.{ending}')
            np.testing.assert_allclose(
                _centre(row['image']), row['landmarks'][0], atol=0.1
            )
        with pytest.raises(sources.BadItem, match=r'turned.*\(orientation 6\).*strip'):
            read(f'turned.{ending}')


def test_paths_stay_in_the_folder(tmp_path, monkeypatch):
    assert crops.inside('here', tmp_path, 'a\\b.png') == 'a/b.png'
    assert crops.inside('here', tmp_path, f'{tmp_path}/a/b.png') == 'a/b.png'
    (tmp_path / 'a').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'a')
    monkeypatch.chdir(tmp_path)
    for folder, root in (('.', tmp_path), ('a/..', tmp_path), ('link', 'link')):
        inside = tmp_path / root / 'b.png'
        assert crops.inside('here', Path(folder), str(inside)) == 'b.png'
    assert crops.inside('here', Path('link'), f'{tmp_path}/a/b.png') == 'b.png'
    for name in ('../b.png', '/b.png', 'a/../../b.png', f'{tmp_path}/../b.png'):
        with pytest.raises(InputError, match='here: .* lies outside'):
            crops.inside('here', tmp_path, name)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (((0, 8),), 'size is'),
        (((8, 8), -1.0), 'margin is'),
        (((8, 8), 0, 2), 'channels'),
    ],
)
def test_impossible_cuts(arguments, message):
    with pytest.raises(InputError, match=message):
        Cut(*arguments)
