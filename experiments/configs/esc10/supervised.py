"""The labels alone on ESC-10, 30 labels.

    python -m experiments.train --config=experiments/configs/esc10/supervised.py

Time: TIME
Score: SCORE
"""

from experiments.configs.esc10.common import esc10


def get_config():
    """Returns the configuration."""
    return esc10('supervised', view='strong')
