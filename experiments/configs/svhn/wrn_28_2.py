"""SVHN as published: WRN-28-2, 250 labels, 2^20 steps; FixMatch, or what is named.

    python -m experiments.train --config=experiments/configs/svhn/wrn_28_2.py

FreeMatch: ``--config=experiments/configs/svhn/wrn_28_2.py:freematch``. 40 or 1000
labels: ``--config.labels_per_class=4`` or 100. Data: a folder of the authors' .mat
files; extra_32x32.mat, if it is there, is learnt from without labels. Digits are not
flipped, as in FixMatch; USB's code flips them.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run.
"""

from experiments.configs.classic import classic

NORMALIZE = {'mean': (0.4380, 0.4440, 0.4730), 'std': (0.1751, 0.1771, 0.1744)}


def get_config(method='fixmatch'):
    """Returns the configuration of a method."""
    config = classic(
        'svhn:scratch/svhn', method, pixels=4, normalize=NORMALIZE, flip=False
    )
    config.labels_per_class = 25
    return config
