"""FixMatch (Sohn et al. 2020) on heart beats, 30 labels.

    python -m experiments.train --config=experiments/configs/mitbih/fixmatch.py

Time: TIME
Score: SCORE
"""

from experiments.configs.mitbih.common import mitbih


def get_config():
    """Returns the configuration."""
    return mitbih('fixmatch', threshold=0.95, ratio=4.0, joint=False)
