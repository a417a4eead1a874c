"""Pseudo-Label (Lee 2013) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/pseudo_label.py

Time: to be measured.
Score: to be measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    config = digits('pseudo_label', ratio=4.0)
    config.ramp = 0.4
    return config
