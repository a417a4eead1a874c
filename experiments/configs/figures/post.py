"""POST (Raychaudhuri et al. 2023) on people of sticks: source, prior, then the target.

    python -m experiments.train --config=experiments/configs/figures/post.py

Without the prior: ``--config.stages.adapt.args.prior_weight=0.``, without Barlow Twins
``feature_weight=0.``; the target's statistics alone:
``--config.stages.adapt.rates.lr=0.``

Time: 56 s on a core of a busy 2-core CPU.
Score: 71.2 ± 4.5 % PCK at 0.2 of the torso, 3 seeds, over the 163 of 200 pictures that
  show one, 7.8 ± 2.0 above what the target's statistics alone do (63.4 ± 6.5), 11.3 ±
  16.8 above the source's average of weights. Of the NME they leave 30.8 %, POST 21.5,
  9.3 ± 0.5 less: what is grossly wrong gets better, exact places do not (PCK at 0.05
  12.7 ± 2.9 %, 13.2 ± 3.0 by the statistics alone). Heatmaps alone, without prior and
  features, do as well (71.2 ± 5.5; experiments/results/figures/table.md).
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
