"""UMCT (Xia et al. 2018/2020) on volumes of the hippocampus: three axes in front.

    python -m experiments.train --config=experiments/configs/hippocampus/umct.py

All other views alike: ``--config.args.weighted=False``

Time: 3 to 5 min on a core of a busy 2-core CPU.
Score: Dice 0.755 ± 0.018 on the test volumes, 3 seeds, 0.002 ± 0.002 above all other
  views alike, in each seed; the masks alone, with kernels of all three axes and an
  average of their weights, have 0.784 ± 0.033
  (experiments/results/hippocampus/table.md).
"""

from experiments.configs.hippocampus.common import hippocampus


def get_config():
    """Returns the configuration."""
    config = hippocampus(
        'umct', labels='alike', weight=0.2, weighted=True, passes=4, alone=150
    )
    config.networks.network.kernel = (1, 3, 3)
    return config
