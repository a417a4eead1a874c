"""The labels alone on AG News, 160 labels.

    python -m experiments.train --config=experiments/configs/agnews/supervised.py

Time: TIME
Score: SCORE
"""

from experiments.configs.agnews.common import agnews


def get_config():
    """Returns the configuration."""
    return agnews('supervised', view='strong')
