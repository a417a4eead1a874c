"""Public data sets, read by numpy from the files that their authors published."""

from __future__ import annotations

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.arrays import Arrays


def digits() -> Arrays:
    """Returns scikit-learn's handwritten digits: 1797 rows, 10 classes, no download.

    Returns:
      Fields ``image`` [1797, 8, 8, 1] float32 in [0, 1] (the 17 grey levels / 16) and
      ``label`` [1797] int32.

    Raises:
      InputError: if scikit-learn is not installed.

    Source: Alpaydin & Kaynak 1998, UCI, "Optical recognition of handwritten digits"
    (its test part, by 13 writers).
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "'digits' needs scikit-learn: pip install scikit-learn"
        ) from error
    bunch = load_digits()
    return Arrays(
        {
            'image': (bunch.images / 16).astype(np.float32)[..., None],
            'label': bunch.target.astype(np.int32),
        }
    )
