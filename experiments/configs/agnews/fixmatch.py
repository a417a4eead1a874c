"""FixMatch (Sohn et al. 2020) on AG News, 160 labels.

    python -m experiments.train --config=experiments/configs/agnews/fixmatch.py

Time: TIME
Score: SCORE
"""

from experiments.configs.agnews.common import agnews


def get_config():
    """Returns the configuration."""
    return agnews('fixmatch', threshold=0.95, ratio=4.0, joint=False)
