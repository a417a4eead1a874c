"""A twentieth of the faces' landmarks alone, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/faces/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.faces.common import faces


def get_config():
    """Returns the configuration."""
    return faces('supervised', view='weak')
