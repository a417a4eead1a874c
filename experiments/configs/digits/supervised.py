"""40 labels alone, strong views, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/digits/supervised.py

Time and score: see the end of this docstring once measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits('supervised', view='strong')
