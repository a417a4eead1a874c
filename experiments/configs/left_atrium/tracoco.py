"""TraCoCo (Liu et al. 2022) on slices of the left atrium: crops that overlap agree.

    python -m experiments.train --config=experiments/configs/left_atrium/tracoco.py

Without the overlaps: ``--config.args.translation_weight=0.
--config.args.saddle_weight=0.``, without CutMix ``mixed=()``

Time: 3.9 min on a core of a busy 2-core CPU.
Score: Dice 0.671 ± 0.051 on the test scans, 3 seeds; without the overlaps 0.705 ±
  0.057, in each seed more, and no other boundaries (-0.034 ± 0.049 of Dice, 0.6 ± 3.6
  mm of 95HD with them; experiments/results/left_atrium_systems/table.md). A network's
  own weights, of which the masks alone have 0.670.
"""

from experiments.configs.left_atrium.common import SPACE, left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'tracoco', weight=0.3, translation_weight=0.075, saddle_weight=0.1
    )
    config.views = {'crops': {**SPACE, 'overlapping_crops': {'size': (40, 40)}}}
    config.task.background = False
    config.ramp = 0.4
    config.steps = 800
    return config
