"""The adversarial pair (Hung et al. 2018) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/adversarial.py

Time: 2.1 min on half a core of a busy CPU.
Score: 96.1 % test accuracy, mean of 3 seeds (95.6 to 97.0); supervised 89.6 %, without
  the critic (--config.args.weight=0) 89.3 %.
"""

from experiments.configs.digits.common import ConfigDict, digits


def get_config():
    """Returns the configuration."""
    config = digits('adversarial', weight=0.01, ratio=4.0)
    config.networks.critic = ConfigDict({'name': 'mlp', 'outputs': 1, 'hidden': (32,)})
    return config
