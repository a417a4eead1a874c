"""FixMatch (Sohn et al. 2020) on Fashion-MNIST, 40 labels.

    python -m experiments.train --config=experiments/configs/fashion_mnist/fixmatch.py

Time: not measured.
Score: not run.
"""

from experiments.configs.fashion_mnist.common import fashion_mnist


def get_config():
    """Returns the configuration."""
    return fashion_mnist('fixmatch', threshold=0.95, ratio=4.0, joint=False)
