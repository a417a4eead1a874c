"""Dash (Xu et al. 2021) on digits, 40 labels.

The warm-up is a tenth of the 1500 steps, and the threshold falls every 50.

    python -m experiments.train --config=experiments/configs/digits/dash.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('dash', warmup=150, every=50, ratio=4.0, joint=False)
