"""The two-update pair (core of TSAL, 2020) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/two_update.py

Time: to be measured.
Score: to be measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('two_update', decay=0.6, ratio=4.0)
