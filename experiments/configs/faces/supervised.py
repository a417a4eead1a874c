"""A twentieth of the faces' landmarks alone, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/faces/supervised.py

Time: 38 s of a busy 2-core CPU, on one core.
Score: 12.2 ± 1.1 % NME, 3 seeds (experiments/results/faces_5/table.md).
"""

from experiments.configs.faces.common import faces


def get_config():
    """Returns the configuration."""
    return faces('supervised', view='weak')
