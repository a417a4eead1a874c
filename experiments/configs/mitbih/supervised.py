"""The labels alone on heart beats, 30 labels.

    python -m experiments.train --config=experiments/configs/mitbih/supervised.py

Time: TIME
Score: SCORE
"""

from experiments.configs.mitbih.common import mitbih


def get_config():
    """Returns the configuration."""
    return mitbih('supervised', view='strong')
