"""CIFAR-100 by a ViT-S/2 as in USB, 200 labels; FixMatch, or what is named.

    python -m experiments.train --config=experiments/configs/cifar100/vit_small.py

FreeMatch: ``--config=experiments/configs/cifar100/vit_small.py:freematch``. USB starts
from weights of ImageNet at 32x32, this from nothing: its numbers are not comparable.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run.
"""

from experiments.configs.cifar100.common import DATA, NORMALIZE
from experiments.configs.classic import fine_tuned


def get_config(method='fixmatch'):
    """Returns the configuration of a method."""
    config = fine_tuned(
        DATA, method, pixels=4, normalize=NORMALIZE, lr=5e-4, layer_decay=0.5
    )
    config.labels_per_class = 2
    return config
