"""40 labels alone on digits, strong views, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/digits/supervised.py

Time: to be measured.
Score: to be measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('supervised', view='strong')
