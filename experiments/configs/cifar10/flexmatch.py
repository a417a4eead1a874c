"""FlexMatch (Zhang et al. 2021) on a tenth of CIFAR-10, 400 labels.

    python -m experiments.train --config=experiments/configs/cifar10/flexmatch.py

Time: not measured.
Score: not run.
"""

from experiments.configs.cifar10.common import cifar10


def get_config():
    """Returns the configuration."""
    return cifar10('flexmatch', threshold=0.95, ratio=4.0, joint=False)
