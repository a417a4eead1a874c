"""20 annotated clips alone, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/clips/supervised.py

Time: not measured.
Score: not run.
"""

from experiments.configs.clips.common import clips


def get_config():
    """Returns the configuration."""
    return clips('supervised', view='strong')
