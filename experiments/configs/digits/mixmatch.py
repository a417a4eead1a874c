"""MixMatch (Berthelot et al. 2019) on digits, 40 labels.

In the audio comparison's form: --config.args.loss=cross_entropy --config.args.weight=1,
and without mixup: --config.args.alpha=0.

    python -m experiments.train --config=experiments/configs/digits/mixmatch.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    config = digits(
        'mixmatch', weight=75.0, alpha=0.75, loss='mean_squared_error', ratio=1.0
    )
    config.ramp = 0.4
    return config
