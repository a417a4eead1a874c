"""FlexMatch (Zhang et al. 2021) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/flexmatch.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('flexmatch', threshold=0.95, ratio=4.0, joint=False)
