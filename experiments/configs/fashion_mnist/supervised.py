"""The labels alone on Fashion-MNIST, 40 labels.

    python -m experiments.train --config=experiments/configs/fashion_mnist/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.fashion_mnist.common import fashion_mnist


def get_config():
    """Returns the configuration."""
    return fashion_mnist('supervised', view='strong')
