"""FixMatch with MixUp (Cances et al. 2022) on digits, 40 labels.

Labelled rows are mixed with strong ones and these with those, targets are not.

    python -m experiments.train --config=experiments/configs/digits/fixmatch_mixup.py

Time: about 1.2 min on a core of a busy 2-core CPU.
Score: 96.9 % test accuracy, mean of 3 seeds (96.6 to 97.4); supervised 89.1 %, FixMatch
  97.5 %. With 10 labels (--config.labels_per_class=1) 81.7 % (78.8 to 87.4); supervised
  75.9 %, FixMatch 75.8 %.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('fixmatch_mixup', threshold=0.95, mixup=0.75, ratio=4.0, joint=False)
