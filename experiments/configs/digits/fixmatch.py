"""FixMatch (Sohn et al. 2020) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/fixmatch.py

Time and score: see the end of this docstring once measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('fixmatch', ratio=4.0, joint=False)
