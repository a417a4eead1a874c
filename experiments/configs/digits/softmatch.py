"""SoftMatch (Chen et al. 2023) on digits, 40 labels.

Averages move ten times as fast as published, for 1500 steps.

    python -m experiments.train --config=experiments/configs/digits/softmatch.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('softmatch', momentum=0.99, ratio=4.0, joint=False)
