"""Deep Co-Training (Qiao et al. 2018) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/deep_co_training.py

Without the difference of views: ``--config.args.difference_weight=0.``

Time: about 5.5 min on a core of a busy 2-core CPU.
Score: 98.6 ± 0.5 % test accuracy, 3 seeds; supervised 89.1 %, FixMatch 97.5 %. With 10
  labels (--config.labels_per_class=1) 80.0 % (72.4 to 86.2); supervised 75.9 %,
  FixMatch 75.8 %.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    config = digits(
        'deep_co_training',
        size=0.02,
        agreement_weight=1.0,
        difference_weight=0.5,
        ratio=4.0,
    )
    config.ramp = 0.4
    return config
