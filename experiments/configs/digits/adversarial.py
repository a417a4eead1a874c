"""The adversarial pair (Hung et al. 2018) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/adversarial.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import ConfigDict, digits


def get_config():
    """Returns the configuration."""
    config = digits('adversarial', weight=0.01, ratio=4.0)
    config.networks.critic = ConfigDict({'name': 'mlp', 'outputs': 1, 'hidden': (32,)})
    return config
