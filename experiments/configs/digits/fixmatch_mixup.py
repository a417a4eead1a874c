"""FixMatch with MixUp (Cances et al. 2022) on digits, 40 labels.

Labelled rows are mixed with strong ones and these with those, targets are not.

    python -m experiments.train --config=experiments/configs/digits/fixmatch_mixup.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('fixmatch_mixup', threshold=0.95, mixup=0.75, ratio=4.0, joint=False)
