"""12 masks of drawn vessels, with mistakes, alone: the baseline.

    python -m experiments.train --config=experiments/configs/tubes/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.tubes.common import tubes


def get_config():
    """Returns the configuration."""
    return tubes('supervised', view='weak')
