"""TSAL (2020, arXiv 2012.06711) on generated clips: a tracker first, then the pair.

    python -m experiments.train --config=experiments/configs/clips/tsal.py

``tsal.py:known`` takes the clips' known motion instead;
``--config.stages.pair.args.failing=0.3`` lets the tracking fail in three frames of ten,
``tsal.py:centre_fails`` the student's centre in nine, by known motion.

Time: 2.6 min on a core of a busy 2-core CPU, 1.1 by known motion.
Score: 16.7 ± 2.7 % NME, 8 seeds: 1.9 ± 2.0 less than the labels alone, 2.9 ± 2.3 less
  than these with the same branch, and level with Mean Teacher with it (-0.3 ± 2.2). By
  known motion 16.5 ± 2.2 %, heatmaps alone (mu 1) 22.1 ± 3.4; the centre alone (mu 0)
  16.8 ± 4.0, 3 seeds (experiments/results/clips_ablation/grid.md). Tracking that fails
  in three frames of ten does no harm (16.4 ± 2.2), in nine 0.9 ± 1.0 points. The
  teacher does not filter that: it is 0.1 ± 0.1 worse than its student with lambda 0.6,
  0.3 ± 0.2 with 0.9, 1.0 ± 0.4 with 0.99; nor what is wrong with the student's centre
  alone (0.0 ± 0.1, 0.2 ± 0.7 with 0.9, 5 seeds; experiments/results/clips/table.md).
  With lambda 0.999 it learns from itself, 20.6 to 22.2 %. At 32x32 in 300 steps, as the
  grid was measured before, neither lambda nor mu made a difference (21.8 to 22.4 %).
  Chosen on validation, known motion, one seed: 17.3 % with weight 0.1, 16.6 with 0.3,
  19.2 with 1; mu 0.75 17.6, mu 0 at weight 0.1 17.5.
"""

from ml_collections import ConfigDict

from experiments.configs.clips.common import clips
from ssljax.methods.parts import check_choice


def get_config(motion='tracker'):
    """Returns the configuration."""
    check_choice('motion', motion, ('tracker', 'known', 'centre_fails'))
    config = clips('tsal', centre=True)
    config.ramp = 0.4
    pair = {
        'method': 'tsal',
        'steps': 600,
        'args': {
            'decay': 0.6,
            'fusion': 0.5,
            'weight': 0.3,
            'failing': 0.0,
            'both_ways': False,
            'known_flow': False,
            'ratio': 1.0,
        },
    }
    flow = {
        'method': 'unsupervised_flow',
        'network': {'name': 'flow_cnn'},
        'steps': 600,
        'rates': {'lr': 2e-3, 'decay': 'cosine'},
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
    if motion == 'centre_fails':
        pair['args'] |= {'fails': 'centre', 'failing': 0.9}
    config.stages = ConfigDict({'pair': pair})
    return config
