r"""What segmentation systems are compared with, on volumes of the hippocampus.

    python -m experiments.train \
        --config=experiments/configs/hippocampus/baselines.py:bcp

After the colon: ``mean_teacher``, ``uamt``, ``cps``, ``unimatch`` or ``bcp``, each by
the numbers of its config of the left atrium. The labels alone are ``supervised.py``.

Time: 2.1 (Mean Teacher) to 3.8 min (UA-MT) on a core of a busy 2-core CPU.
Score: Dice on the test volumes, 3 seeds: Mean Teacher 0.781 ± 0.046, UA-MT 0.782 ±
  0.037, CPS 0.780 ± 0.031, all three with the masks alone (0.784 ± 0.033); UniMatch
  0.766 ± 0.043, BCP 0.742 ± 0.028, 0.018 ± 0.022 and 0.042 ± 0.006 below them
  (experiments/results/hippocampus/table.md). With two volumes (--config.labels=2) Mean
  Teacher 0.765 ± 0.020, BCP 0.727 ± 0.060, the masks alone 0.761 ± 0.009
  (experiments/results/hippocampus_share/table.md).
"""

from experiments.configs.hippocampus.common import hippocampus
from experiments.configs.segmentation import in_two_stages

ARGS = {
    'mean_teacher': {'student_view': 'strong', 'weight': 1.0, 'joint': True},
    'uamt': {'passes': 4, 'weight': 1.0},
    'cps': {'form': 'cross_entropy', 'weight': 0.5},
    'unimatch': {'form': 'dice', 'threshold': 0.95, 'boxes': 0.5, 'weight': 1.0},
    'bcp': {},
}
"""By method."""


def get_config(name='mean_teacher'):
    """Returns the configuration of a method."""
    labels = 'alike' if name in ('uamt', 'cps') else 'strong'
    config = hippocampus(name, labels=labels, **ARGS[name])
    if name in ('mean_teacher', 'uamt', 'cps'):
        config.ramp = 0.4
    return in_two_stages(config) if name == 'bcp' else config
