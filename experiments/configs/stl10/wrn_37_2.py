"""STL-10 as published: WRN-37-2, 40 labels, 2^20 steps; FixMatch, or what is named.

    python -m experiments.train --config=experiments/configs/stl10/wrn_37_2.py

FreeMatch: ``--config=experiments/configs/stl10/wrn_37_2.py:freematch``. 1000 labels:
``--config.labels_per_class=100``. 100000 more pictures never had a label.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run.
"""

from experiments.configs.classic import classic
from experiments.configs.stl10.common import DATA, NORMALIZE


def get_config(method='fixmatch'):
    """Returns the configuration of a method."""
    config = classic(
        DATA,
        method,
        pixels=12,
        normalize=NORMALIZE,
        depth=37,
        blocks=4,
        first_stride=2,
    )
    config.labels_per_class = 4
    return config
