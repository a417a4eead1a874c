"""10 annotated clips alone, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/clips/supervised.py

``supervised.py:centre`` has TSAL's branch of a centre with offsets, too.

Time: not measured.
Score: not run.
"""

from experiments.configs.clips.common import clips


def get_config(branch=''):
    """Returns the configuration."""
    return clips('supervised', centre=branch == 'centre', view='weak')
