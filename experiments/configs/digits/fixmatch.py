"""FixMatch (Sohn et al. 2020) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/fixmatch.py

Time: about 65 s on one idle core of a 2-core CPU.
Score: 98.6 % test accuracy, mean of 5 seeds (98.4 to 98.8); supervised 89.6 %.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    # Separate passes: the paper's joint one takes half as long again and is no better.
    return digits('fixmatch', threshold=0.95, ratio=4.0, joint=False)
