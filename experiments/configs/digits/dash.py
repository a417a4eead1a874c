"""Dash (Xu et al. 2021) on digits, 40 labels.

The warm-up is a tenth of the 1500 steps, and the threshold falls every 50.

    python -m experiments.train --config=experiments/configs/digits/dash.py

Time: about 1.2 min on a core of a busy 2-core CPU.
Score: 98.7 % test accuracy, mean of 3 seeds (98.6 to 98.8); supervised 89.1 %, FixMatch
  97.5 %. With 10 labels (--config.labels_per_class=1) 76.3 % (69.2 to 80.8); supervised
  75.9 %, FixMatch 75.8 %.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('dash', warmup=150, every=50, ratio=4.0, joint=False)
