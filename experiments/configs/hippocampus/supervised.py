"""Masks of 6 volumes of the hippocampus alone: the baseline.

    python -m experiments.train --config=experiments/configs/hippocampus/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.hippocampus.common import hippocampus


def get_config():
    """Returns the configuration."""
    return hippocampus('supervised', view='weak')
