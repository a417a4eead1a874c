"""Cross pseudo supervision (Chen et al. 2021) on slices of the left atrium, 4 scans.

    python -m experiments.train --config=experiments/configs/left_atrium/cps.py

By Dice, as in cross teaching: ``--config.args.form=dice``

Time: not measured.
Score: not run on these views; on weak ones, in 800 steps, Dice 0.712 ± 0.031, 3 seeds.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'cps', labels='alike', form='cross_entropy', weight=0.5, ratio=1.0
    )
    config.ramp = 0.4
    return config
