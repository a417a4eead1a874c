"""The source alone, tested on the target: what there is to gain by adapting.

    python -m experiments.train --config=experiments/configs/figures/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.figures.common import figures


def get_config():
    """Returns the configuration."""
    return figures('supervised', view='weak')
