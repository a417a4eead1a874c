"""POST (Raychaudhuri et al. 2023) on people of sticks: source, prior, then the target.

    python -m experiments.train --config=experiments/configs/figures/post.py

Without the prior: ``--config.stages.adapt.args.prior_weight=0.``, without Barlow Twins
``feature_weight=0.``; as it stands that weight is a hundred times the release's.

Time: 2.2 min of a busy 2-core CPU, on one core.
Score: 69.6 ± 5.7 % PCK at 0.2 of the torso, 3 seeds
  (experiments/results/figures/table.md). The NME falls from 33.0 to 22.6 %, by 10.4 ±
  2.7 of what it started from; without the prior by 10.1 ± 2.1, without Barlow Twins by
  11.5 ± 4.1. The distance of the target's poses by the prior falls from 0.11 to 0.03,
  without it from 0.14 to 0.06.
"""

from ml_collections import ConfigDict

from experiments.configs.figures.common import figures
from experiments.configs.figures.pose_prior import CURRICULUM, NETWORK


def get_config():
    """Returns the configuration."""
    config = figures('post')
    config.networks.prior = ConfigDict(NETWORK)
    config.order = ('source', 'poses', 'adapt')
    config.stages = ConfigDict(
        {
            'source': {'method': 'supervised', 'steps': 500, 'args': {'view': 'weak'}},
            'poses': {
                'method': 'pose_prior',
                'steps': 1000,
                'network': NETWORK,
                'args': CURRICULUM,
            },
            'adapt': {
                'method': 'post',
                'steps': 300,
                'start_from': 'source',
                'rates': {'lr': 1e-3},
                'given': {'prior': 'poses'},
                'args': {
                    'feature_weight': 1e-6,
                    'prior_weight': 1e-3,
                    'sigma': 1.0,
                },
            },
        }
    )
    return config
