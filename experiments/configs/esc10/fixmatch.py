"""FixMatch (Sohn et al. 2020) on ESC-10, 30 labels.

    python -m experiments.train --config=experiments/configs/esc10/fixmatch.py

Time: TIME
Score: SCORE
"""

from experiments.configs.esc10.common import esc10


def get_config():
    """Returns the configuration."""
    return esc10('fixmatch', threshold=0.95, ratio=4.0, joint=False)
