r"""What segmentation systems are compared with, on volumes of the hippocampus.

    python -m experiments.train \
        --config=experiments/configs/hippocampus/baselines.py:bcp

After the colon: ``mean_teacher``, ``uamt``, ``cps``, ``unimatch`` or ``bcp``, each by
the numbers of its config of the left atrium. The labels alone are ``supervised.py``.

Time: about 3 min on a core of a busy 2-core CPU.
Score: not run on these views. With labels on weak ones Dice of Mean Teacher 0.772 ±
  0.039 on the test volumes, 3 seeds, 0.048 ± 0.080 over the masks alone; of BCP 0.679 ±
  0.155, 0.045 ± 0.049 below them: 400 steps are few for it
  (experiments/results/hippocampus/table.md).
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
