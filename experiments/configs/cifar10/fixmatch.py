"""FixMatch (Sohn et al. 2020) on a tenth of CIFAR-10, 400 labels.

    python -m experiments.train --config=experiments/configs/cifar10/fixmatch.py

Time: TIME
Score: SCORE
"""

from experiments.configs.cifar10.common import cifar10


def get_config():
    """Returns the configuration."""
    return cifar10('fixmatch', threshold=0.95, ratio=4.0, joint=False)
