"""UA-MT (Yu et al. 2019) on slices of the left atrium, 4 scans with masks.

    python -m experiments.train --config=experiments/configs/left_atrium/uamt.py

With labels on weak views, as published: ``uamt.py:published``

Time: about 8 min on a core of a busy 2-core CPU; four passes, for the time.
Score: Dice 0.802 ± 0.053 on the test scans, 3 seeds, -0.001 ± 0.028 to the masks alone
  on the same views (experiments/results/left_atrium/table.md).
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config(labels='alike'):
    """Returns the configuration; labels as ``segmentation.views_of`` has them."""
    config = left_atrium('uamt', labels=labels, passes=4, weight=1.0, ratio=1.0)
    config.ramp = 0.4
    return config
