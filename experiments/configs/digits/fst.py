"""FST, the teacher from the future (Du et al. 2022), on digits, 40 labels.

One virtual step ahead, deep. Wide: --config.args.look=wide --config.args.ahead=2

    python -m experiments.train --config=experiments/configs/digits/fst.py

Time: 2.7 min on half a core of a busy CPU.
Score: 99.0 % test accuracy, mean of 3 seeds (98.8 to 99.2); supervised 89.6 %, looking
  0 ahead 98.9 %: here the look ahead makes no difference.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('fst', look='deep', ahead=1, threshold=0.95, ratio=4.0)
