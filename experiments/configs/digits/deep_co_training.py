"""Deep Co-Training (Qiao et al. 2018) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/deep_co_training.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    config = digits('deep_co_training', size=0.02, agreement_weight=1.0, ratio=4.0)
    config.ramp = 0.4
    return config
