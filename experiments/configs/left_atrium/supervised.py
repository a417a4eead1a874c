"""Masks of 4 scans of the left atrium alone: the baseline.

    python -m experiments.train --config=experiments/configs/left_atrium/supervised.py

Time: about 45 s on a core of a busy 2-core CPU.
Score: Dice 0.683 ± 0.064 on the test scans, 3 seeds, each with 4 scans of its own;
  on strong views (--config.args.view=strong) 0.786 ± 0.026
  (experiments/results/left_atrium/table.md).
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    return left_atrium('supervised', view='weak')
