"""CoMatch (Li et al. 2020) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/comatch.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import ConfigDict, digits


def get_config():
    """Returns the configuration."""
    config = digits('comatch', threshold=0.95, ratio=4.0, joint=False)
    config.networks.projector = ConfigDict(
        {'name': 'mlp', 'outputs': 64, 'hidden': (64,)}
    )
    return config
