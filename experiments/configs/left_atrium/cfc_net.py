"""CFC-Net (2025, from its abstract) on slices of the left atrium: a student a band.

    python -m experiments.train --config=experiments/configs/left_atrium/cfc_net.py

Without UCF-Mix: ``--config.args.mix_weight=0.``; ``cfc_net.py:whole`` splits nothing,
so that both students are one and there is nothing to mix.

Time: 4.1 min on a core of a busy 2-core CPU, 2.5 without bands.
Score: Dice 0.764 ± 0.031 on the test scans, 3 seeds, in each above the masks alone on
  weak views (0.683 ± 0.064) and above itself without UCF-Mix (0.747 ± 0.048, +0.017 ±
  0.020). Without bands it is no worse: 0.787 ± 0.035, more in each seed
  (experiments/results/left_atrium_systems/table.md): bands are not what it gains by.
  Before students learnt labels on the whole, too, their mean had 0.628 on it, 3 seeds
  whose cells are not kept, and they 0.74 (low) and 0.80 (high) on their bands.
"""

from experiments.configs.left_atrium.common import left_atrium
from ssljax.methods.parts import check_choice


def get_config(bands='split'):
    """Returns the configuration, with bands that are 'split' or the 'whole'."""
    check_choice('bands', bands, ('split', 'whole'))
    split = bands == 'split'
    config = left_atrium(
        'cfc_net',
        labels='published',
        weight=0.1,
        cutoff=0.1 if split else None,
        side=8,
        mix_weight=1.0 if split else 0.0,
        whole_labels=split,  # else both learn them there anyway
    )
    config.ramp = 0.4
    config.steps = 800
    return config
