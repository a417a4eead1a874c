"""UDA (Xie et al. 2019) on digits, 40 labels.

Without annealing: --config.args.tsa=exp lets labels in by and by.

    python -m experiments.train --config=experiments/configs/digits/uda.py

Time: about 1.1 min on a core of a busy 2-core CPU.
Score: 98.7 % test accuracy, mean of 3 seeds (98.6 to 98.8); supervised 89.1 %, FixMatch
  97.5 %. With 10 labels (--config.labels_per_class=1) 76.9 % (69.4 to 80.6); supervised
  75.9 %, FixMatch 75.8 %.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits(
        'uda', threshold=0.8, temperature=0.4, tsa='none', ratio=4.0, joint=False
    )
