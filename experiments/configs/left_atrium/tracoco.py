"""TraCoCo (Liu et al. 2022) on slices of the left atrium: crops that overlap agree.

    python -m experiments.train --config=experiments/configs/left_atrium/tracoco.py

Without the overlaps: ``--config.args.translation_weight=0.
--config.args.saddle_weight=0.``, without CutMix ``mixed=()``

Time: about 3 min on a core of a busy 2-core CPU, 400 steps.
Score: Dice 0.637 ± 0.107 on the test scans after 400 steps, 3 seeds; without the
  overlaps 0.632 ± 0.181. The 95HD is 0.7 ± 0.7 mm lower with them, in each seed
  (experiments/results/left_atrium_systems/table.md).
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
