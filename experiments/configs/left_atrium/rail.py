"""RAIL (2025) on slices of the left atrium: two groups of two students take turns.

    python -m experiments.train --config=experiments/configs/left_atrium/rail.py

Without DFS: ``--config.args.error_weight=0. --config.args.doubt_weight=0.``, without
CAL's even answers ``flat_weight=0.``

Time: about 3 min on a core of a busy 2-core CPU.
Score: Dice 0.659 ± 0.066 on the test scans, 3 seeds, 0.052 ± 0.052 above itself without
  DFS, in each seed, and 3.2 ± 4.5 mm of 95HD below; the masks alone, whose average has
  all 800 steps, 0.683 ± 0.064 (experiments/results/left_atrium_systems/table.md).
"""

from ml_collections import ConfigDict

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'rail',
        labels='published',
        weight=20.0,
        teacher_weight=0.5,
        error_weight=0.5,
        doubt_weight=0.05,
        flat_weight=0.1,
        turn=50,
    )
    config.networks.residual = ConfigDict(
        {'name': 'vnet', 'channels': (8, 16, 32), 'depths': (1, 2, 2)}
    )
    config.task.background = False
    config.steps = 800  # a group has half of them
    config.ramp = 0.2
    config.optimizer.share = 0.5
    return config
