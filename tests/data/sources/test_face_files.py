"""Landmarks of faces in the forms that their authors publish."""

import numpy as np
import pytest
from PIL import Image

from ssljax import data, tasks
from ssljax.contracts import InputError
from ssljax.data.sources import face_files, video_files
from ssljax.data.sources.crops import Cut

CUT = Cut((16, 16), 0.2, channels=1)
POINTS = np.array([[10.0, 12.0], [30.0, 14.5], [20.0, 28.25]])


def _picture(path, size=(48, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('L', size, 90).save(path)
    return path


def _pts(path, points, count=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    body = '\n'.join(f'{x:.3f} {y:.3f}' for x, y in points + 1)
    count = len(points) if count is None else count
    path.write_text(f'version: 1\nn_points:  {count}\n{{\n{body}\n}}\n')
    return path


def _in_picture(source, row):
    """Landmarks back in pixels of the picture."""
    left, top, scale = source.cut.region(source._boxes[row])
    return (source[row]['landmarks'] + 0.5) * scale + (left, top)


def test_pts(tmp_path):
    landmarks, visible = face_files.pts(_pts(tmp_path / 'a.pts', POINTS))
    np.testing.assert_allclose(landmarks, POINTS)
    assert visible.all()
    (tmp_path / 'b.pts').write_text('02 11.00 13.00 True\n04 5.5 6.5 False\n')
    landmarks, visible = face_files.pts(tmp_path / 'b.pts')
    np.testing.assert_allclose(landmarks[[1, 3]], [[10, 12], [4.5, 5.5]])
    assert visible.tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'a.pts is empty'),
        ('version: 1\nn_points: 2\n{\n1 2\n}\n', "line 2: 'n_points: 2', and 1 land"),
        ('version: 1\nn_points: x\n{\n1 2\n}\n', 'line 2'),
        ('version: 1\nn_points: 1\n{\n1 nan\n}\n', "line 4: '1 nan' are not 2 numbers"),
        ('version: 1\nn_points: 1\n{\n1 2 3\n}\n', 'line 4'),
        ('version: 1\nn_points: 1\n1 2\n', 'line 3: no landmarks in braces'),
        ('1 2 3\n', "line 1: '1 2 3' is not number, x, y"),
        ('1 2 3 True\n1 2 3 True\n', 'line 2: landmark 1 is there twice'),
        ('99999999 2 3 True\n', 'line 1: landmark 99999999'),
    ],
)
def test_broken_pts(tmp_path, text, message):
    (tmp_path / 'a.pts').write_text(text)
    with pytest.raises(InputError, match=message):
        face_files.pts(tmp_path / 'a.pts')


def test_300w_and_its_parts(tmp_path):
    for name in ('afw/1', 'helen/trainset/2', 'helen/testset/3', 'ibug/4'):
        _picture(tmp_path / f'{name}.jpg')
        _pts(tmp_path / f'{name}.pts', POINTS)
    source, parts = face_files.faces_300w(tmp_path, CUT, num_landmarks=3)
    names = {k: [source.name(row) for row in rows] for k, rows in parts.items()}
    assert names == {
        'train': ['afw/1.jpg', 'helen/trainset/2.jpg'],
        'test': ['helen/testset/3.jpg', 'ibug/4.jpg'],
    }
    assert source.columns['challenging'].tolist() == [False, False, False, True]
    np.testing.assert_allclose(_in_picture(source, 2), POINTS, atol=1e-4)
    # The box of the landmarks and a fifth on each side, as high as it is wide.
    low, high = source[0]['landmarks'].min(0), source[0]['landmarks'].max(0)
    np.testing.assert_allclose((low + high) / 2, [7.5, 7.5], atol=1e-4)
    np.testing.assert_allclose(high[0] - low[0], 16 / 1.4, rtol=1e-5)
    with pytest.raises(InputError, match=r'1\.pts has 3 landmarks; it should have 68'):
        face_files.faces_300w(tmp_path, CUT)
    (tmp_path / 'afw/1.pts').unlink()
    with pytest.raises(InputError, match=r'1\.pts can not be read'):
        face_files.faces_300w(tmp_path, CUT, num_landmarks=3)
    (tmp_path / 'afw/1.jpg').unlink()
    for name in ('ibug/6', 'ibug/5'):
        _pts(tmp_path / f'{name}.pts', POINTS)
    with pytest.raises(InputError, match=r'ibug/5\.pts has no picture .* of 2 such'):
        face_files.faces_300w(tmp_path, CUT, num_landmarks=3)


def test_300w_private(tmp_path):
    for name in ('300W/01_Indoor/1', 'afw/2'):
        _picture(tmp_path / f'{name}.png')
        _pts(tmp_path / f'{name}.pts', POINTS)
    with pytest.raises(InputError, match='01_Indoor/1.png lies beside afw, helen'):
        face_files.faces_300w(tmp_path, CUT, num_landmarks=3)
    _, parts = face_files.faces_300w(tmp_path / '300W', CUT, num_landmarks=3)
    assert {k: v.tolist() for k, v in parts.items()} == {'train': [0]}


def test_lists_of_aflw(tmp_path):
    _picture(tmp_path / 'images/0/face.png')
    (tmp_path / 'face-1.pts').write_text('01 11.00 13.00 True\n03 21.00 29.25 True\n')
    path = tmp_path / 'train.GTL'
    path.write_text(
        f'{tmp_path}/images/0/face.png face-1.pts 6 6 36 36 30.0\n'
        'images/0/face.png None 6 6 36 36\n'
    )
    source, parts = face_files.face_list(path, tmp_path, CUT, num_landmarks=3)
    assert {k: v.tolist() for k, v in parts.items()} == {
        'train': [0],
        'unlabelled': [1],
    }
    assert source[0]['visible'].tolist() == [True, False, True]
    np.testing.assert_allclose(
        _in_picture(source, 0)[[0, 2]], POINTS[[0, 2]], atol=1e-4
    )
    assert [bool(source[i]['annotated']) for i in (0, 1)] == [True, False]
    assert not source[1]['visible'].any() and not source[1]['landmarks'].any()
    # 30 pixels of a crop of 42 that become 16; the second is the box's own.
    np.testing.assert_allclose(source.columns['size'], 30 * 16 / 42, rtol=1e-6)
    task = tasks.landmarks(3, (16, 16, 1), sigma=1.0, normaliser='size')
    example = data.collate(source, np.arange(2), task.example)
    found = {'landmarks': example['landmarks'] + np.float32([3, 4])}
    metric = task.metrics['nme']
    error = metric.result(metric.rows(found, example))['nme']
    np.testing.assert_allclose(error, 5 / (30 * 16 / 42), rtol=1e-6)


def test_only_numbered_lines_may_be_fewer(tmp_path, monkeypatch):
    _pts(tmp_path / 'a.pts', POINTS[1:])
    (tmp_path / 'list').write_text(f'{tmp_path}/a.png a.pts 6 6 36 36\n')
    with pytest.raises(InputError, match=r'a\.pts has 2 landmarks; it should have 3'):
        face_files.face_list(tmp_path / 'list', tmp_path, CUT, num_landmarks=3)
    (tmp_path / 'a.pts').write_text('2 31.00 15.50 True\n')
    monkeypatch.chdir(tmp_path)
    source, _ = face_files.face_list('list', '.', CUT, num_landmarks=3)
    assert source._visible.tolist() == [[False, True, False]]
    np.testing.assert_allclose(source._landmarks[0, 1], POINTS[1])
    assert source.names == ['a.png']
    (tmp_path / 'a.pts').write_text('4 31.00 15.50 True\n')
    with pytest.raises(InputError, match=r'a\.pts has 4 landmarks; it should have 3'):
        face_files.face_list('list', '.', CUT, num_landmarks=3)


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('a.png None 1 1 9', 'line 2 has 5 words'),
        ('a.png None 1 1 9 x', "line 2: '1 1 9 x' are not 4 numbers"),
        ('a.png None 9 1 1 9', 'line 2: the box 9 1 1 9 is empty'),
        ('a.png None 1 1 9 9 0', 'line 2: the size is 0; give above 0'),
        ('a.png None 1 1 9 9 -3', 'line 2: the size is -3; give above 0'),
        ('../a.png None 1 1 9 9', "line 2: '../a.png' lies outside"),
        ('a.png ../b.pts 1 1 9 9', r"line 2: '../b\.pts' lies outside"),
    ],
)
def test_broken_lists(tmp_path, line, message):
    (tmp_path / 'list').write_text(f'a.png None 1 1 9 9\n{line}\n')
    with pytest.raises(InputError, match=message):
        face_files.face_list(tmp_path / 'list', tmp_path, CUT, num_landmarks=3)


def _wflw(points, flags, name):
    words = [f'{v:.3f}' for v in points.reshape(-1)]
    return ' '.join([*words, '4', '5', '40', '35', *flags, name])


def test_wflw(tmp_path):
    points = np.random.default_rng(0).uniform(6, 34, (98, 2))
    _picture(tmp_path / 'WFLW_images/36--Football/a b.png'.replace(' ', '_'))
    folder = tmp_path / 'WFLW_annotations/list_98pt_rect_attr_train_test'
    folder.mkdir(parents=True)
    # Each attribute has its own pattern over the rows.
    rows = [
        _wflw(points, flags, '36--Football/a_b.png')
        for flags in ('100101', '010110', '001011')
    ]
    good = rows[2]
    (folder / 'list_98pt_rect_attr_train.txt').write_text('\n'.join(rows[:2]))
    (folder / 'list_98pt_rect_attr_test.txt').write_text(f'{good}\n')
    source, parts = face_files.wflw(tmp_path, CUT)
    assert {k: v.tolist() for k, v in parts.items()} == {'train': [0, 1], 'test': [2]}
    np.testing.assert_allclose(_in_picture(source, 2), points, atol=2e-3)
    assert source[0]['visible'].all()
    expected = {
        'pose': [True, False, False],
        'expression': [False, True, False],
        'illumination': [False, False, True],
        'make_up': [True, True, False],
        'occlusion': [False, True, True],
        'blur': [True, False, True],
    }
    for name, flags in expected.items():
        assert source.columns[name].tolist() == flags
        assert [bool(source[row][name]) for row in range(3)] == flags
    bad = _wflw(points, '200001', 'a.png')
    (folder / 'list_98pt_rect_attr_test.txt').write_text(f'{good}\n{bad}\n')
    with pytest.raises(InputError, match=r'test\.txt, line 2: attributes 2 0'):
        face_files.wflw(tmp_path, CUT)
    (folder / 'list_98pt_rect_attr_test.txt').write_text('1 2 3')
    with pytest.raises(InputError, match=r'test\.txt, line 1 has 3 words'):
        face_files.wflw(tmp_path, CUT)
    for part in ('train', 'test'):
        (folder / f'list_98pt_rect_attr_{part}.txt').write_text('\n')
    with pytest.raises(InputError, match=r'attr_train\.txt is empty'):
        face_files.wflw(tmp_path, CUT)
    (folder / 'list_98pt_rect_attr_train.txt').write_text(good)
    (folder / 'list_98pt_rect_attr_test.txt').unlink()
    with pytest.raises(InputError, match='holds 0 files'):
        face_files.wflw(tmp_path, CUT)


def _video(root, name, frames, unknown=()):
    for t in range(frames):
        _picture(root / name / f'extraction/{t + 1:06d}.png')
        if t not in unknown:
            _pts(root / name / f'annot/{t + 1:06d}.pts', POINTS + [t, 0])


def test_300vw_is_cut_into_clips(tmp_path):
    _video(tmp_path, '001', 7, unknown=(1,))
    _video(tmp_path, '410', 4)
    (tmp_path / 'ReadMe.txt').write_text('.')
    source, parts = video_files.faces_300vw(tmp_path, CUT, frames=4, num_landmarks=3)
    assert {k: v.tolist() for k, v in parts.items()} == {'train': [0, 1], 'test': [2]}
    assert source.columns['category'].tolist() == [0, 0, 3]
    assert source.columns['video'].tolist() == [0, 0, 1]
    # Frames 5, 6, 7 of the video, and 6 again: its end reversed.
    assert [
        name[-10:-4] for name in source.names[1]
    ] == '000005 000006 000007 000006'.split()
    clip = source[0]
    assert clip['image'].shape == (4, 16, 16, 1) and clip['landmarks'].shape == (
        4,
        3,
        2,
    )
    assert clip['annotated'].tolist() == [True, False, True, True]
    assert clip['visible'].tolist() == [[x] * 3 for x in clip['annotated']]
    assert source[1]['annotated'].tolist() == [True] * 4
    # One crop a clip: what moves by a pixel a frame does so in the crop.
    scale = source.cut.region(source._boxes[0])[2]
    step = clip['landmarks'][3] - clip['landmarks'][2]
    np.testing.assert_allclose(step, [[1 / scale, 0]] * 3, atol=1e-5)


def test_300vw_counts_a_test_frame_once(tmp_path):
    _video(tmp_path, '410', 6, unknown=(4,))
    source, parts = video_files.faces_300vw(tmp_path, CUT, frames=4, num_landmarks=3)
    assert parts['test'].tolist() == [0, 1]
    # Frames 5, 6, 5 and 4 of the video, of which 5 is not known, and 4 was there.
    said = [[True] * 4, [False, True, False, False]]
    assert source.columns['annotated'].tolist() == said
    assert source._visible.any(-1).tolist() == said and source._visible[1].sum() == 3


def test_300vw_lacks_frames(tmp_path):
    _video(tmp_path, '001', 8)
    for t in range(3, 8):
        (tmp_path / f'001/extraction/{t + 1:06d}.png').unlink()
    with pytest.raises(InputError, match=r'annot/000004\.pts has no picture .* 5 such'):
        video_files.faces_300vw(tmp_path, CUT, frames=4, num_landmarks=3)


def test_300vw_sparsely_annotated(tmp_path):
    _video(tmp_path, '001', 6)
    whole, _ = video_files.faces_300vw(tmp_path, CUT, frames=3, num_landmarks=3)
    source, _ = video_files.faces_300vw(
        tmp_path, CUT, frames=3, num_landmarks=3, annotated_every=4
    )
    said = [source[i]['annotated'].tolist() for i in (0, 1)]
    assert said == [[True, False, False], [False, True, False]]
    np.testing.assert_array_equal(source._boxes, whole._boxes)
    with pytest.raises(InputError, match='frames is 0'):
        video_files.faces_300vw(tmp_path, CUT, frames=0)
    with pytest.raises(InputError, match=r'000001\.pts has 3 landmarks'):
        video_files.faces_300vw(tmp_path, CUT)
    (tmp_path / 'none').mkdir()
    with pytest.raises(InputError, match='no videos'):
        video_files.faces_300vw(tmp_path / 'none', CUT)


def test_a_job_s_data_by_prefixes(tmp_path):
    """Clips of three videos, of which none is in two parts; and a list of faces."""
    for video in ('001', '002', '003'):
        for frame in range(1, 7):
            _picture(tmp_path / f'{video}/extraction/{frame:06}.png')
            points = np.concatenate([POINTS] * 22 + [POINTS[:2]])
            _pts(tmp_path / f'{video}/annot/{frame:06}.pts', points)
    loaded = data.load(
        f'300vw:{tmp_path}',
        size=(16, 20),
        channels=1,
        labels=1,
        validation=1,
        test=1,
        groups='video',
    )
    assert loaded.name == '300vw' and len(loaded.source) == 3
    parts = [set(loaded.rows[name]) for name in ('labelled', 'validation', 'test')]
    assert [len(part) for part in parts] == [1, 1, 1]
    assert len(set.union(*parts)) == 3
    assert loaded.source[0]['image'].shape == (10, 16, 20, 1)
    path = tmp_path / 'list'
    path.write_text('001/extraction/000001.png None 6 6 36 36\n')
    source, _ = data.read(f'aflw:{path},{tmp_path}', size=(16, 16))
    assert source[0]['landmarks'].shape == (19, 2)
    assert source[0]['image'].shape == (16, 16, 3)
