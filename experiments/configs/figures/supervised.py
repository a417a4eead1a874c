"""The source alone, tested on the target: what there is to gain by adapting.

    python -m experiments.train --config=experiments/configs/figures/supervised.py

Time: 39 s of a busy 2-core CPU, on one core.
Score: 59.9 ± 13.5 % PCK at 0.2 of the torso, 3 seeds
  (experiments/results/figures/table.md).
"""

from experiments.configs.figures.common import figures


def get_config():
    """Returns the configuration."""
    return figures('supervised', view='weak')
