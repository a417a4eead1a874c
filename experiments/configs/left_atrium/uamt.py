"""UA-MT (Yu et al. 2019) on slices of the left atrium, 4 scans with masks.

    python -m experiments.train --config=experiments/configs/left_atrium/uamt.py

Time: not measured.
Score: not run on these views; on weak ones, in 800 steps, Dice 0.739 ± 0.047, 3 seeds;
  four passes, for the time.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config(labels='alike'):
    """Returns the configuration; labels as ``segmentation.views_of`` has them."""
    config = left_atrium('uamt', labels=labels, passes=4, weight=1.0, ratio=1.0)
    config.ramp = 0.4
    return config
