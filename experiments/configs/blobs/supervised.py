"""6 masks of drawn hearts alone: the baseline.

    python -m experiments.train --config=experiments/configs/blobs/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.blobs.common import blobs


def get_config():
    """Returns the configuration."""
    return blobs('supervised', view='weak')
