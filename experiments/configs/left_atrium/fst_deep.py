"""FST-D, the teacher from the future (Du et al. 2022), on slices of the left atrium.

    python -m experiments.train --config=experiments/configs/left_atrium/fst_deep.py

As many steps of Mean Teacher on hard answers: ``--config.args.ahead=0``

Time: not measured.
Score: not run.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'fst', labels='published', look='deep', ahead=2, threshold=0.968, ratio=1.0
    )
    config.steps = 800
    return config
