"""Cross pseudo supervision (Chen et al. 2021) on slices of the left atrium, 4 scans.

    python -m experiments.train --config=experiments/configs/left_atrium/cps.py

By Dice, as in cross teaching: ``--config.args.form=dice``

Time: about 8 min on a core of a busy 2-core CPU.
Score: Dice 0.805 ± 0.034 on the test scans, 3 seeds, 0.002 ± 0.008 over the masks alone
  on the same views (experiments/results/left_atrium/table.md); a network's own weights,
  the masks alone have an average.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'cps', labels='alike', form='cross_entropy', weight=0.5, ratio=1.0
    )
    config.ramp = 0.4
    return config
