"""A twentieth of the faces' landmarks alone, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/faces/supervised.py

Time: 1.4 min on a core of a busy 2-core CPU.
Score: 7.7 ± 0.6 % NME, 3 seeds (experiments/results/faces_5/table.md), 6.8 ± 0.6 with a
  tenth of the labels (``--config.labels=338``; experiments/results/faces_10/table.md),
  6.5 ± 0.4 with all.
"""

from experiments.configs.faces.common import faces


def get_config():
    """Returns the configuration."""
    return faces('supervised', view='weak')
