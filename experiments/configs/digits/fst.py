"""FST-D, teacher from the future (Du et al. 2022), on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/fst.py

Time and score: see the end of this docstring once measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('fst', ratio=4.0)
