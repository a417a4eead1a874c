"""Anatomy-aware uncertainty (Adiga et al. 2022) on slices of the left atrium.

    python -m experiments.train --config=experiments/configs/left_atrium/anatomy.py

Every site alike, as in Mean Teacher: ``--config.stages.anatomy.args.gamma=0.``

Time: not measured.
Score: not run.
"""

from ml_collections import ConfigDict

from experiments.configs.left_atrium.common import left_atrium
from experiments.configs.left_atrium.masks import DAMAGED, NETWORK


def get_config():
    """Returns the configuration."""
    config = left_atrium('anatomy')
    config.networks.autoencoder = ConfigDict(NETWORK)
    config.views.damaged = DAMAGED
    config.ramp = 0.4
    config.order = ('masks', 'anatomy')
    config.stages = ConfigDict(
        {
            'masks': {
                'method': 'mask_autoencoder',
                'steps': 300,
                'network': NETWORK,
            },
            'anatomy': {
                'method': 'anatomy',
                'steps': 800,
                'given': {'autoencoder': 'masks'},
                'args': {'weight': 0.1, 'gamma': 1.0},
            },
        }
    )
    return config
