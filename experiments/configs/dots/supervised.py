"""16 labelled pictures alone (DM-Count, Wang et al. 2020): the baseline.

    python -m experiments.train --config=experiments/configs/dots/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.dots.common import dots


def get_config():
    """Returns the configuration."""
    return dots('supervised', view='weak')
