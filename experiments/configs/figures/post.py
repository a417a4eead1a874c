"""POST (Raychaudhuri et al. 2023) on people of sticks: source, prior, then the target.

    python -m experiments.train --config=experiments/configs/figures/post.py

Without the prior: ``--config.stages.adapt.args.prior_weight=0.``, without Barlow Twins
``feature_weight=0.``

Time: not measured.
Score: not run.
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
                    'feature_weight': 1e-4,
                    'prior_weight': 1e-3,
                    'sigma': 1.0,
                },
            },
        }
    )
    return config
