"""Mean Teacher (Tarvainen & Valpola 2017) on heatmaps of real faces.

    python -m experiments.train --config=experiments/configs/faces/mean_teacher.py

Time: 60 s of a busy 2-core CPU, on one core.
Score: 12.4 ± 1.1 % NME, 3 seeds, 0.2 ± 0.4 more than the labels alone, which so few
  steps do not exhaust (experiments/results/faces_5/table.md). With 34 labels, a
  hundredth, 17.8 ± 8.2 %, 1.1 ± 1.8 less (experiments/results/faces_1/table.md).
"""

from experiments.configs.faces.common import faces


def get_config():
    """Returns the configuration."""
    config = faces('mean_teacher', student_view='strong', weight=0.3, ratio=1.0)
    config.ramp = 0.4
    return config
