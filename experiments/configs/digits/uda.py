"""UDA (Xie et al. 2019) on digits, 40 labels.

Without annealing: --config.args.tsa=exp lets labels in by and by.

    python -m experiments.train --config=experiments/configs/digits/uda.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits(
        'uda', threshold=0.8, temperature=0.4, tsa='none', ratio=4.0, joint=False
    )
