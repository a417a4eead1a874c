"""CIFAR-10 as published: WRN-28-2, 250 labels, 2^20 steps; FixMatch, or what is named.

    python -m experiments.train --config=experiments/configs/cifar10/wrn_28_2.py

FreeMatch: ``--config=experiments/configs/cifar10/wrn_28_2.py:freematch``. 40 or 4000
labels: ``--config.labels_per_class=4`` or 400. Data: the authors' archive, or another
one by ``--config.data=cifar10:<archive>``.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published: 4.97 % error for FixMatch, 4.85 % for FreeMatch (USB).
"""

from experiments.configs.cifar10.common import NORMALIZE
from experiments.configs.classic import classic


def get_config(method='fixmatch'):
    """Returns the configuration of a method."""
    config = classic(
        'cifar10:scratch/cifar-10-binary.tar.gz', method, pixels=4, normalize=NORMALIZE
    )
    config.labels_per_class = 25
    return config
