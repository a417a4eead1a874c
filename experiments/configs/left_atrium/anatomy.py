"""Anatomy-aware uncertainty (Adiga et al. 2022) on slices of the left atrium.

    python -m experiments.train --config=experiments/configs/left_atrium/anatomy.py

Every site alike, as in Mean Teacher: ``--config.stages.anatomy.args.gamma=0.``

Time: 2.3 min on a core of a busy 2-core CPU, 300 + 800 steps.
Score: Dice 0.724 ± 0.079 on the test scans, 3 seeds, labels on weak views, in each seed
  above the masks alone (0.683 ± 0.064); with every site alike 0.729 ± 0.091: what the
  autoencoder says makes no difference to it (-0.005 ± 0.012), and the 95HD 0.6 ± 0.5
  mm worse. UA-MT with eight passes has 0.735 ± 0.038
  (experiments/results/left_atrium_systems/table.md) and takes 1.64 times as long a step
  (experiments/results/passes.json).
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
