"""FST, the teacher from the future (Du et al. 2022), on digits, 40 labels.

One virtual step ahead, deep. Wide: --config.args.look=wide --config.args.ahead=2

    python -m experiments.train --config=experiments/configs/digits/fst.py

Time: 2 min on one core of a busy 2-core CPU.
Score: 92.0 % test accuracy, mean of 3 seeds (87.6 to 95.4); supervised 89.2 %,
  mean of the same seeds 89.1 %.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('fst', look='deep', ahead=1, threshold=0.95, ratio=4.0)
