"""The prior of POST (Raychaudhuri et al. 2023) on the poses of the source.

It answers a distance, which is not scored; ``post.py`` trains it on the way.

    python -m experiments.train --config=experiments/configs/figures/pose_prior.py

Time: not measured.
Score: none.
"""

from ml_collections import ConfigDict

from experiments.configs.figures.common import figures

NETWORK = {'name': 'pose_prior', 'hidden': (64, 64, 64)}
CURRICULUM = {'middle_from': 250, 'clean_from': 500}


def get_config():
    """Returns the configuration."""
    config = figures('pose_prior', **CURRICULUM)
    config.networks = ConfigDict({'network': NETWORK})
    config.batch_size = 64
    config.steps = 1000
    return config
