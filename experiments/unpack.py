"""Unpacks the research sets that lie beside the repository into files to train on.

::

    python -m experiments.unpack --set=cifar10 --output=scratch/cifar10.npz

Reads ``../shared/data`` (``--shared``), whose INDEX.md says where each set comes from
and under which licence; nothing of it belongs into the repository. Without that folder
train on the original files: ``--config.data=cifar10:<archive>`` and so on.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import flags

from experiments import launch
from ssljax.contracts import IGNORED, InputError
from ssljax.data import checks, tokens

_SET = flags.DEFINE_string('set', None, 'Which set: cifar10, esc10, faces, agnews ...')
_OUTPUT = flags.DEFINE_string('output', None, 'The .npz to write.')
_SHARED = flags.DEFINE_string('shared', '../shared/data', 'Where the sets lie.')
_FOLD = flags.DEFINE_integer('fold', 5, 'Of ESC-10: the fold to test on, 1 to 5.')
flags.mark_flags_as_required(['set', 'output'])

WORDS = 48
"""Of a news item, in AG News: title and beginning."""


def main() -> None:
    """Runs what the flags say."""
    checks.known('set', _SET.value, SETS)
    shared = Path(_SHARED.value)
    if not shared.is_dir():
        raise InputError(f'shared is {shared}, which is no folder; give its path.')
    output = Path(_OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    arrays = SETS[_SET.value](shared)
    np.savez_compressed(output, **arrays)
    shapes = ', '.join(f'{k} {v.dtype} {v.shape}' for k, v in arrays.items())
    print(f'{output}: {shapes}')


def cifar10(shared: Path) -> dict[str, np.ndarray]:
    """The lossless part: 500 images a class to train on, the test set's first 1000."""
    found = _packed(shared, 'cifar10/cifar10_lossless_5k_1k.npz')
    return {
        'image': found['x_train'],
        'label': found['y_train'],
        'test_image': found['x_test'],
        'test_label': found['y_test'],
    }


def cifar10_jpeg(shared: Path) -> dict[str, np.ndarray]:
    """All 50,000 and 10,000 images, but JPEG of quality 75, decoded once."""
    from PIL import Image

    found = _packed(shared, 'cifar10/cifar10_full_jpegq75.npz')
    head = found['jpeg_header'].tobytes()

    def decoded(part):
        body, offsets = found[f'{part}_bytes'].tobytes(), found[f'{part}_offsets']
        pairs = zip(offsets[:-1], offsets[1:], strict=True)
        files = (io.BytesIO(head + body[begin:end]) for begin, end in pairs)
        return np.stack([np.asarray(Image.open(file)) for file in files])

    return {
        'image': decoded('train'),
        'label': found['train_labels'],
        'test_image': decoded('test'),
        'test_label': found['test_labels'],
    }


def fashion_mnist(shared: Path) -> dict[str, np.ndarray]:
    """All of Fashion-MNIST."""
    found = _packed(shared, 'fashion_mnist/fashion_mnist.npz')
    return {
        'image': found['x_train'],
        'label': found['y_train'],
        'test_image': found['x_test'],
        'test_label': found['y_test'],
    }


def esc10(shared: Path) -> dict[str, np.ndarray]:
    """Log-mels [time 62, mel 32] in [0, 1], from -60 to 60 dB; one fold to test on.

    Four frames of 20 ms and two bands are averaged into one, for minutes on a CPU.
    """
    found = _packed(shared, 'esc10/esc10_logmel.npz')
    image = found['logmel_u8'].transpose(0, 2, 1).astype(np.float32) / 255
    image = image[:, :248].reshape(400, 62, 4, 32, 2).mean((2, 4))[..., None]
    test = found['fold'] == _FOLD.value
    return _parted('image', image, found['y'], ~test, test)


def mitbih(shared: Path) -> dict[str, np.ndarray]:
    """Beats of MIT-BIH in mV, classes N, S and V; other patients to test on.

    F and Q have hardly any beat in one of the two halves (DS1, DS2), and are left out.
    """
    found = _packed(shared, 'mitbih_beats/mitbih_beats.npz')
    series = found['x_i16'].astype(np.float32)[..., None] / 200
    known = found['y'] < 3
    train, test = (known & (found['split'] == part) for part in (0, 1))
    return _parted('series', series, found['y'], train, test)


def agnews(shared: Path) -> dict[str, np.ndarray]:
    """The test split of AG News, 4 classes: 6000 items to train on, 1600 to test on."""
    with zipfile.ZipFile(shared / 'text_agnews_sst2' / 'text.zip') as archive:
        text = archive.read('ag_news_test.csv').decode()
    items = [(int(c) - 1, f'{title} {body}') for c, title, body in _rows(text)]
    order = np.random.default_rng(0).permutation(len(items))
    items = [items[i] for i in order]
    words = tokens.build((text for _, text in items[:6000]), size=10_000)
    coded = tokens.encode(words, [text for _, text in items], length=WORDS)['tokens']
    label = np.array([number for number, _ in items])
    train = np.arange(len(items)) < 6000
    return _parted('tokens', coded, label, train, ~train)


def faces(shared: Path) -> dict[str, np.ndarray]:
    """Faces of YouTube videos, 64x64, 68 landmarks; 69 other people to test on.

    Rows are frames, by person, clip and number. The frames of a clip share one crop but
    are seconds apart. Frames that nobody annotated are kept as such, except for those
    of the people to test on.
    """
    found = _packed(shared, 'face_landmarks68_video/faces64.npz')
    order = np.lexsort([found[key] for key in ('frame', 'clip', 'person')])
    found = {k: v[order] for k, v in found.items() if len(v) == len(order)}
    height, width = found['images'].shape[1:3]
    landmarks = found['landmarks_x64'].astype(np.float32) / 64
    x, y = landmarks[..., 0], landmarks[..., 1]
    inside = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    rows = {
        'image': found['images'],
        'landmarks': landmarks,
        'visible': inside,
        'annotated': found['labelled'],
        **{k: found[k].astype(np.int32) for k in ('person', 'clip', 'frame')},
    }
    known, test = found['labelled'], found['test']
    bare = [key for key in rows if key not in ('landmarks', 'visible', 'annotated')]
    return {
        **{key: rows[key][known & ~test] for key in rows},
        **{f'test_{key}': rows[key][known & test] for key in rows},
        **{f'unlabelled_{key}': rows[key][~known & ~test] for key in bare},
    }


def left_atrium(shared: Path) -> dict[str, np.ndarray]:
    """Slices [96, 96] of the left atrium, four a scan, pixels of 1.25 mm.

    80 scans to train on and 20 to test on, the split of UA-MT and DTC. The original
    voxels are cubes of 0.625 mm (Xiong et al. 2021, arXiv 2004.12314).
    """
    found = _packed(shared, 'left_atrium_mri/la_slices96.npz')
    case = found['volume'].astype(np.int32)
    return _masked(
        found['images'],
        np.unpackbits(found['masks_packed'], axis=-1),
        (1.25, 1.25),
        case,
        found['test_volume'][case],
        ('background', 'left atrium'),
    )


def left_atrium_volumes(shared: Path) -> dict[str, np.ndarray]:
    """Volumes [40, 64, 64] of every fourth of these scans, voxels 1.25x1.875x1.875."""
    found = _packed(shared, 'left_atrium_mri/la_vols64x64x40.npz')
    test = _packed(shared, 'left_atrium_mri/la_slices96.npz')['test_volume']
    case = found['volume'].astype(np.int32)
    mask = np.unpackbits(found['masks_packed'], axis=-1)
    return _masked(
        found['volumes'].transpose(0, 3, 1, 2)[..., None],
        mask.transpose(0, 3, 1, 2),
        (1.25, 1.875, 1.875),
        case,
        test[case],
        ('background', 'left atrium'),
    )


def hippocampus(shared: Path) -> dict[str, np.ndarray]:
    """Volumes of the hippocampus, voxels of 1 mm, filled up to [48, 64, 48].

    What is filled up is ignored in the masks. The last 60 cases are to test on.
    """
    found = _packed(shared, 'hippocampus3d/hippocampus.npz')
    shapes, begins = found['shapes'].astype(int), found['offsets'][:-1]
    count, size = len(shapes), (48, 64, 48)
    image = np.zeros((count, *size), np.uint8)
    mask = np.full((count, *size), IGNORED, np.uint8)
    for row, (shape, begin) in enumerate(zip(shapes, begins, strict=True)):
        low = [(s - n) // 2 for s, n in zip(size, shape[::-1], strict=True)]
        place = tuple(slice(a, a + n) for a, n in zip(low, shape[::-1], strict=True))
        part = slice(begin, begin + shape.prod())
        # Their axes are (x, y, z), and ours (z, y, x).
        image[row][place] = found['volumes'][part].reshape(shape).T
        mask[row][place] = found['labels'][part].reshape(shape).T
    names = ('background', 'anterior', 'posterior')
    test = np.arange(count) >= count - 60
    case = found['ids'].astype(np.int32)
    return _masked(image[..., None], mask, (1.0, 1.0, 1.0), case, test, names)


def halved(unpack: Callable) -> Callable:
    """Returns an unpacker of the same images or volumes in sites of twice the size.

    An image's block is its mean, a mask's the id that most of it has, the lower of two.
    """

    def blocks(x: np.ndarray, axes: int) -> np.ndarray:
        """[N, *S / 2, 2**axes, ...] of [N, *S, ...]."""
        sizes = [n for size in x.shape[1 : 1 + axes] for n in (size // 2, 2)]
        x = x.reshape(len(x), *sizes, *x.shape[1 + axes :])
        x = np.moveaxis(x, range(2, 2 + 2 * axes, 2), range(1 + axes, 1 + 2 * axes))
        return x.reshape(*x.shape[: 1 + axes], -1, *x.shape[1 + 2 * axes :])

    def half(shared: Path) -> dict[str, np.ndarray]:
        arrays = dict(unpack(shared))
        for part in ('', 'test_'):
            mask = arrays[f'{part}mask']
            axes = mask.ndim - 1
            found = blocks(arrays[f'{part}image'], axes).mean(1 + axes)
            arrays[f'{part}image'] = found.round().astype(np.uint8)
            ids = np.unique(mask)
            votes = [(blocks(mask, axes) == i).sum(-1) for i in ids]
            arrays[f'{part}mask'] = ids[np.argmax(votes, axis=0)]
            arrays[f'{part}spacing'] = 2 * arrays[f'{part}spacing']
        return arrays

    return half


SETS = {
    'agnews': agnews,
    'cifar10': cifar10,
    'cifar10_jpeg': cifar10_jpeg,
    'esc10': esc10,
    'faces': faces,
    'fashion_mnist': fashion_mnist,
    'hippocampus': hippocampus,
    'hippocampus_half': halved(hippocampus),
    'left_atrium': left_atrium,
    'left_atrium_half': halved(left_atrium),
    'left_atrium_volumes': left_atrium_volumes,
    'mitbih': mitbih,
}
"""``(folder) -> arrays of an .npz as ``data.load`` reads it``."""


def _parted(field, values, labels, train, test):
    labels = labels.astype(np.int32)
    return {
        field: values[train],
        'label': labels[train],
        f'test_{field}': values[test],
        'test_label': labels[test],
    }


def _masked(image, mask, spacing, case, test, classes):
    """Images or volumes with masks; ``test`` [N] bool, ``spacing`` in millimetres."""
    rows = {
        'image': image,
        'mask': mask,
        'spacing': np.tile(np.float32(spacing), (len(image), 1)),
        'case': case,
    }
    parts = {name: x[~test] for name, x in rows.items()}
    parts |= {f'test_{name}': x[test] for name, x in rows.items()}
    return parts | {'classes': np.array(classes)}


def _packed(shared: Path, name: str) -> dict[str, np.ndarray]:
    """Arrays of a file there, by the reader that lies beside it."""
    where = shared / 'codec.py'
    spec = importlib.util.spec_from_file_location('codec', where)
    if spec is None or spec.loader is None or not (shared / name).exists():
        raise InputError(f'{shared / name} does not exist; give another --shared.')
    codec = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(codec)
    return codec.load(shared / name)


def _rows(text: str):
    return csv.reader(io.StringIO(text))


if __name__ == '__main__':
    launch.run(main)
