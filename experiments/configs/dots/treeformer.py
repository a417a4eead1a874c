"""TreeFormer (2023) on generated dots, 16 labelled pictures.

    python -m experiments.train --config=experiments/configs/dots/treeformer.py

Time: not measured.
Score: not run: the labels alone do not count yet, see supervised.py.
"""

from experiments.configs.dots.common import dots


def get_config():
    """Returns the configuration."""
    config = dots(
        'treeformer',
        consistency_weight=1.0,
        rank_weight=1.0,
        token_weight=1.0,
        weight=1.0,
        ratio=1.0,
    )
    config.ramp = 0.2
    return config
