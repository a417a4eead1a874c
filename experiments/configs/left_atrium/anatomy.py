"""Anatomy-aware uncertainty (Adiga et al. 2022) on slices of the left atrium.

    python -m experiments.train --config=experiments/configs/left_atrium/anatomy.py

Every site alike, as in Mean Teacher: ``--config.stages.anatomy.args.gamma=0.``

Time: about 1.6 min on a core of a busy 2-core CPU, 200 + 400 steps.
Score: after these, labels on weak views, Dice 0.653 ± 0.170, 3 seeds; with every
  site alike 0.644 ± 0.144: no difference that they show (0.009 ± 0.034;
  experiments/results/left_atrium_systems/table.md).
"""

from ml_collections import ConfigDict

from experiments.configs.left_atrium.common import left_atrium
from experiments.configs.left_atrium.masks import DAMAGED, NETWORK


def get_config():
    """Returns the configuration."""
    config = left_atrium('anatomy', labels='published')
    config.networks.autoencoder = ConfigDict(NETWORK)
    config.views.damaged = DAMAGED
    config.task.background = False
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
