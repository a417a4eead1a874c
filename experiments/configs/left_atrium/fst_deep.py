"""FST-D, the teacher from the future (Du et al. 2022), on slices of the left atrium.

    python -m experiments.train --config=experiments/configs/left_atrium/fst_deep.py

As many steps of Mean Teacher on hard answers: ``--config.args.ahead=0``, and with an
average as fast: ``--config.ema=0.9703``, too.

Time: 5.6 min on a core of a busy 2-core CPU.
Score: Dice 0.783 ± 0.029 on the test scans, 3 seeds, labels on weak views; without
  looking ahead 0.781 ± 0.017, with an average as fast 0.785 ± 0.031, the masks alone
  0.683 ± 0.064 (experiments/results/left_atrium_systems/table.md): what is gained is
  Mean Teacher's. ClassMix is not in it.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'fst', labels='published', look='deep', ahead=2, threshold=0.968, ratio=1.0
    )
    config.steps = 800
    return config
