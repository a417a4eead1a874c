"""CFC-Net (2025, from its abstract) on slices of the left atrium: a student a band.

    python -m experiments.train --config=experiments/configs/left_atrium/cfc_net.py

Without UCF-Mix: ``--config.args.mix_weight=0.``; ``cfc_net.py:whole`` splits nothing,
so that both students are one and there is nothing to mix.

Time: not measured.
Score: not run.
"""

from ml_collections import ConfigDict

from experiments.configs.left_atrium.common import left_atrium
from ssljax.methods.parts import check_choice


def get_config(bands: str = 'split') -> ConfigDict:
    """Returns the configuration, with bands that are 'split' or the 'whole'."""
    check_choice('bands', bands, ('split', 'whole'))
    config = left_atrium(
        'cfc_net',
        labels='published',
        weight=0.1,
        cutoff=0.1 if bands == 'split' else None,
        side=8,
        mix_weight=1.0 if bands == 'split' else 0.0,
        whole_labels=bands == 'split',  # else both learn them there anyway
    )
    config.ramp = 0.4
    config.steps = 800
    return config
