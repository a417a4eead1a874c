"""Masks of 4 scans of the left atrium alone: the baseline.

    python -m experiments.train --config=experiments/configs/left_atrium/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    return left_atrium('supervised', view='weak')
