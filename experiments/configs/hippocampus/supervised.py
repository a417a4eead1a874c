"""Masks of 6 volumes of the hippocampus alone: the baseline.

    python -m experiments.train --config=experiments/configs/hippocampus/supervised.py

Time: about 1.3 min on a core of a busy 2-core CPU.
Score: not run on these views; on weak ones Dice 0.724 ± 0.108 on the test volumes, 3
  seeds, each with 6 volumes of its own (experiments/results/hippocampus/table.md).
"""

from experiments.configs.hippocampus.common import hippocampus


def get_config():
    """Returns the configuration."""
    return hippocampus('supervised', view='weak')
