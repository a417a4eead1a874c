"""Masks of 6 volumes of the hippocampus alone: the baseline.

    python -m experiments.train --config=experiments/configs/hippocampus/supervised.py

Time: 50 s on a core of a busy 2-core CPU.
Score: Dice 0.784 ± 0.033 on the test volumes, 3 seeds, each with 6 volumes of its own
  (experiments/results/hippocampus/table.md); with two (--config.labels=2) 0.761 ± 0.009
  (experiments/results/hippocampus_share/table.md).
"""

from experiments.configs.hippocampus.common import hippocampus


def get_config():
    """Returns the configuration."""
    return hippocampus('supervised', view='weak')
