"""FST-W, the mean of several futures (Du et al. 2022), on slices of the left atrium.

    python -m experiments.train --config=experiments/configs/left_atrium/fst_wide.py

Time: not measured.
Score: not run.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'fst', labels='published', look='wide', ahead=2, threshold=0.968, ratio=1.0
    )
    config.steps = 800
    return config
