"""Volumes as medical imaging keeps them: NIfTI, HDF5 and .npz, with their spacing.

A file becomes ``image`` [*S, channels] float32 or uint8, where it has them ``mask``
[*S] int32 and ``spacing`` [axes] float32, millimetres along the axes of S.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssljax.contracts import IGNORED, InputError
from ssljax.data.sources import packed

NIFTI = ('.nii', '.nii.gz')
HDF5 = ('.h5', '.hdf5')
ENDINGS = (*NIFTI, *HDF5, '.npz')
_MASKS = ('mask', 'label')  # SSL4MIS and its kin call a mask label


def volume(path: Path) -> dict[str, np.ndarray]:
    """Reads one file.

    - .nii and .nii.gz are turned to the nearest canonical axes; (x, y, z) becomes [Z,
      Y, X], (x, y, z, channels) [Z, Y, X, channels]. ``spacing`` is that of the header.
      A file is an image; ``nifti_mask`` reads one as a mask.
    - .h5 and .npz hold ``image`` and, where wanted, ``mask`` or ``label``, and
      ``spacing``: arrays in the order in which they are meant. An ``image`` with the
      axes of its spacing and one more has channels; without spacing it has none, unless
      its mask says so.

    Args:
      path: of the file; the ending says which kind.

    Raises:
      InputError: if the package that reads it is missing.
      ValueError: with what is wrong with the file.
    """
    name = path.name.lower()
    if name.endswith(NIFTI):
        values, spacing = _nifti(path)
        return {'image': _image(values, 3), 'spacing': spacing}
    found = _hdf5(path) if name.endswith(HDF5) else _npz(path)
    if 'image' not in found:
        raise ValueError(f'it has {", ".join(sorted(found))} and no image')
    masks = [key for key in _MASKS if key in found]
    axes = found['image'].ndim
    if masks:
        axes = found[masks[0]].ndim
    elif 'spacing' in found:
        axes = found['spacing'].size
    made = {'image': _image(found['image'], axes)}
    if masks:
        made['mask'] = _mask(found[masks[0]])
    if 'spacing' in found:
        spacing = np.asarray(found['spacing'], np.float32).reshape(-1)
        if spacing.shape != (axes,) or not (spacing > 0).all():
            raise ValueError(f'its spacing is {spacing.tolist()} for {axes} axes')
        made['spacing'] = spacing
    return made


def nifti_mask(path: Path) -> np.ndarray:
    """Reads a mask [Z, Y, X] int32 from .nii or .nii.gz, axes as ``volume`` has them.

    Raises:
      InputError: if nibabel is not installed.
      ValueError: with what is wrong with the file.
    """
    return _mask(_nifti(path)[0])


def _nifti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values with the axes reversed, channels last, and spacing (z, y, x)."""
    try:
        import nibabel
    except ImportError as error:
        raise InputError(
            "reading NIfTI needs nibabel: pip install 'ssljax[volumes]'."
        ) from error
    try:
        image = nibabel.load(path)
        if not isinstance(image, nibabel.spatialimages.SpatialImage):
            raise ValueError(f'it holds {type(image).__name__}, no volume')
        packed.checked(image.shape)
        image = nibabel.as_closest_canonical(image)
        values = np.asanyarray(image.dataobj)
        spacing = image.header.get_zooms()[:3]
    except Exception as error:  # on broken files nibabel raises nearly anything
        raise ValueError(str(error) or type(error).__name__) from error
    if values.ndim < 3:
        raise ValueError(f'it is {values.shape}; give volumes, (x, y, z)')
    return np.moveaxis(values, (0, 1, 2), (2, 1, 0)), np.array(
        spacing[::-1], np.float32
    )


def _hdf5(path: Path) -> dict[str, np.ndarray]:
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            "reading .h5 needs h5py: pip install 'ssljax[volumes]'."
        ) from error
    try:
        with h5py.File(path, 'r') as file:
            wanted = [key for key in ('image', *_MASKS, 'spacing') if key in file]
            return {key: _dataset(file, key) for key in wanted}
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ValueError(str(error)) from error


def _dataset(file, key: str) -> np.ndarray:
    """An array that the file holds itself."""
    import h5py

    link = file.get(key, getlink=True)
    if not isinstance(link, h5py.HardLink) or not isinstance(file[key], h5py.Dataset):
        raise ValueError(f'its {key} is no array of its own')
    if file[key].external or file[key].is_virtual:  # bytes of any file, as an image
        raise ValueError(f'its {key} lies in another file; copy it into this one')
    packed.checked(file[key].shape)
    return np.asarray(file[key])


def _npz(path: Path) -> dict[str, np.ndarray]:
    try:
        return packed.arrays(path)
    except ValueError as error:
        raise ValueError(f'it is no .npz of plain arrays: {error}') from error


def _image(values: np.ndarray, axes: int) -> np.ndarray:
    """[*S, channels] uint8 or float32."""
    if values.ndim == axes:
        values = values[..., None]
    if values.ndim != axes + 1 or axes not in (2, 3) or not values.size:
        raise ValueError(f'its image is {values.shape}, with {axes} axes in space')
    if values.dtype != np.uint8:
        if values.dtype.kind not in 'biuf':
            raise ValueError(f'its image is {values.dtype}; give numbers')
        with np.errstate(over='ignore'):
            values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError('its image holds NaN or inf')
    return values


def _mask(values: np.ndarray) -> np.ndarray:
    """[*S] int32; whole numbers that are kept as floats are taken."""
    values = np.asarray(values)
    if values.dtype.kind not in 'biuf' or not np.isfinite(values).all():
        raise ValueError(f'its mask is {values.dtype}, or holds NaN or inf')
    # What 32 bits do not hold is no class either.
    whole = np.clip(values, 0, IGNORED).astype(np.int32)
    if (whole != values).any():
        raise ValueError(
            f'its mask holds fractions, or numbers beyond 0 to {IGNORED}; give class '
            'numbers'
        )
    return whole
