"""Supervision by Registration (Dong et al. 2018) on generated clips.

The detector learns from labels for two thirds of the steps, then also from motion;
``--config.stages.registered.args.weight=0.`` leaves it at the labels.

    python -m experiments.train --config=experiments/configs/clips/sbr.py

Time: 27 s on a core of a busy 2-core CPU.
Score: 16.2 ± 1.5 % NME, 8 seeds, 2.4 ± 2.3 less than the labels alone and, in each
  seed, 1.6 ± 0.6 less than without registration (experiments/results/clips/table.md).
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
