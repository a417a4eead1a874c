"""Supervision by Registration (Dong et al. 2018) on generated clips.

The detector learns from labels for two thirds of the steps, then also from motion.

    python -m experiments.train --config=experiments/configs/clips/sbr.py

Time: not measured.
Score: not run.
"""

from ml_collections import ConfigDict

from experiments.configs.clips.common import clips


def get_config():
    """Returns the configuration."""
    config = clips('sbr')
    config.order = ('detector', 'registered')
    config.stages = ConfigDict(
        {
            'detector': {
                'method': 'supervised',
                'steps': 400,
                'args': {'view': 'weak'},
            },
            'registered': {
                'method': 'sbr',
                'steps': 200,
                'start_from': 'detector',
                'args': {'weight': 0.1, 'window': 4, 'ratio': 1.0},
            },
        }
    )
    return config
