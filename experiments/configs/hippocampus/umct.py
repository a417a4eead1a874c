"""UMCT (Xia et al. 2018/2020) on volumes of the hippocampus: three axes in front.

    python -m experiments.train --config=experiments/configs/hippocampus/umct.py

All other views alike: ``--config.args.weighted=False``

Time: not measured.
Score: not run.
"""

from experiments.configs.hippocampus.common import hippocampus


def get_config():
    """Returns the configuration."""
    config = hippocampus(
        'umct', labels='alike', weight=0.2, weighted=True, passes=4, alone=150
    )
    config.networks.network.kernel = (1, 3, 3)
    return config
