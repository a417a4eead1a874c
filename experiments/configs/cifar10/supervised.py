"""The labels alone on a tenth of CIFAR-10, 400 labels.

    python -m experiments.train --config=experiments/configs/cifar10/supervised.py

Time: TIME
Score: SCORE
"""

from experiments.configs.cifar10.common import cifar10


def get_config():
    """Returns the configuration."""
    return cifar10('supervised', view='strong')
