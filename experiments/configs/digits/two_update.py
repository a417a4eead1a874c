"""The two-update pair (core of TSAL, 2020) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/two_update.py

Time: about 160 s on one idle core of a 2-core CPU.
Score: 96.7 % test accuracy, mean of 3 seeds (95.2 to 97.8); supervised 89.6 %,
  without averaging (--config.args.decay=1) 88.5 %.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('two_update', decay=0.6, ratio=4.0)
