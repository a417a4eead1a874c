"""CIFAR-100 as published: WRN-28-8, 400 labels, 2^20 steps; FixMatch, or what is named.

    python -m experiments.train --config=experiments/configs/cifar100/wrn_28_8.py

FreeMatch: ``--config=experiments/configs/cifar100/wrn_28_8.py:freematch``. 2500 or
10000 labels: ``--config.labels_per_class=25`` or 100. USB itself reports WRN-28-2:
``--config.networks.network.width=2``.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run.
"""

from experiments.configs.cifar100.common import DATA, NORMALIZE
from experiments.configs.classic import classic


def get_config(method='fixmatch'):
    """Returns the configuration of a method."""
    config = classic(
        DATA, method, pixels=4, normalize=NORMALIZE, weight_decay=1e-3, width=8
    )
    if method == 'mixmatch':
        config.args.weight = 150.0
    config.labels_per_class = 4
    return config
