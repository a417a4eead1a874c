"""UDA (Xie et al. 2019) on AG News, 160 labels.

With annealing: --config.args.tsa=linear lets labels in by and by.

    python -m experiments.train --config=experiments/configs/agnews/uda.py

Time: not measured.
Score: not run.
"""

from experiments.configs.agnews.common import agnews


def get_config():
    """Returns the configuration."""
    return agnews(
        'uda', threshold=0.8, temperature=0.4, tsa='none', ratio=4.0, joint=False
    )
