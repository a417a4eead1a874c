"""FixMatch (Sohn et al. 2020) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/fixmatch.py

Time: to be measured.
Score: to be measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    # The network has no batch statistics: separate passes are the same mathematics.
    config = digits('fixmatch', threshold=0.95, ratio=4.0, joint=False)
    config.optimizer.lr = 4e-3  # the best of the grid
    return config
