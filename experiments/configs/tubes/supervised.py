"""12 masks of drawn vessels, with mistakes, alone: the baseline.

    python -m experiments.train --config=experiments/configs/tubes/supervised.py

Time: 50 s on a core of a busy 2-core CPU, 400 steps (--config.steps=400).
Score: Dice 0.430 ± 0.456 after these, 3 seeds, 0.29 to 0.64
  (experiments/results/tubes/table.md).
"""

from experiments.configs.tubes.common import tubes


def get_config():
    """Returns the configuration."""
    return tubes('supervised', view='weak')
