"""TSAL (2020, arXiv 2012.06711) on generated clips: a tracker first, then the pair.

    python -m experiments.train --config=experiments/configs/clips/tsal.py

``--config.stages.pair.args.failing=0.3`` lets the tracker fail in three frames of ten.

Time: not measured.
Score: not run.
"""

from ml_collections import ConfigDict

from experiments.configs.clips.common import clips


def get_config():
    """Returns the configuration."""
    config = clips('tsal', centre=True)
    config.networks.tracker = ConfigDict({'name': 'flow_cnn'})
    config.ramp = 0.4
    config.order = ('flow', 'pair')
    config.stages = ConfigDict(
        {
            'flow': {
                'method': 'unsupervised_flow',
                'network': {'name': 'flow_cnn'},
                'steps': 500,
                'args': {'noise': 8.0},
            },
            'pair': {
                'method': 'tsal',
                'steps': 500,
                'given': {'tracker': 'flow'},
                'args': {
                    'decay': 0.6,
                    'fusion': 0.5,
                    'weight': 1.0,
                    'failing': 0.0,
                    'both_ways': False,
                    'ratio': 1.0,
                },
            },
        }
    )
    return config
