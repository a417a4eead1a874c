"""Slopes of float64 references, for losses of which there is no golden case."""

import numpy as np
import pytest


@pytest.fixture(scope='session')
def slope():
    """``slope(fn, x)``: central differences of a numpy function, entry by entry."""

    def differences(fn, x, step=1e-5):
        x = np.asarray(x, np.float64)
        found = np.zeros_like(x)
        for place in np.ndindex(x.shape):
            moved = [x.copy(), x.copy()]
            moved[0][place] += step
            moved[1][place] -= step
            found[place] = (fn(moved[0]) - fn(moved[1])) / (2 * step)
        return found

    return differences
