"""TSAL (2020, arXiv 2012.06711) on generated clips: a tracker first, then the pair.

    python -m experiments.train --config=experiments/configs/clips/tsal.py

``tsal.py:known`` takes the clips' known motion instead, ``tsal.py:small`` that at 32x32
for the ablation; ``--config.stages.pair.args.failing=0.3`` lets the tracking fail in
three frames of ten.

Time: not measured.
Score: not run.
"""

from ml_collections import ConfigDict

from experiments.configs.clips.common import clips


def get_config(motion='tracker'):
    """Returns the configuration."""
    config = clips('tsal', centre=True)
    config.ramp = 0.4
    pair = {
        'method': 'tsal',
        'steps': 600,
        'args': {
            'decay': 0.6,
            'fusion': 0.5,
            'weight': 0.1,
            'failing': 0.0,
            'both_ways': False,
            'known_flow': False,
            'ratio': 1.0,
        },
    }
    flow = {
        'method': 'unsupervised_flow',
        'network': {'name': 'flow_cnn'},
        'steps': 300,
        'args': {'noise': 8.0},
    }
    if motion == 'tracker':
        config.networks.tracker = ConfigDict({'name': 'flow_cnn'})
        config.order = ('flow', 'pair')
        pair['given'] = {'tracker': 'flow'}
        config.stages = ConfigDict({'flow': flow, 'pair': pair})
        return config
    config.data += ',flow=True'
    config.order = ('pair',)
    pair['args']['known_flow'] = True
    config.stages = ConfigDict({'pair': pair})
    if motion == 'small':
        config.data = config.data.replace('48x48', '32x32')
        config.stages.pair.steps = 300
    return config
