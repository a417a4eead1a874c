"""Masks of 4 scans of the left atrium alone: the baseline.

    python -m experiments.train --config=experiments/configs/left_atrium/supervised.py

Time: about 3 min on a core of a busy 2-core CPU.
Score: Dice 0.803 ± 0.026 on the test scans, 3 seeds, each with 4 scans of its own; with
  all 72 (--config.labels=72) 0.832 ± 0.026, with one 0.726 ± 0.055, 5 seeds: four scans
  leave little to learn at this size (experiments/results/left_atrium_share/table.md).
  As published (supervised.py:published), in 800 steps, 0.683 ± 0.064.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config(labels='strong'):
    """Returns the configuration; labels as ``segmentation.views_of`` has them."""
    return left_atrium('supervised', labels=labels, view='weak')
