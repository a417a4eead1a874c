"""Mean Teacher (Tarvainen & Valpola 2017) on heatmaps of real faces.

    python -m experiments.train --config=experiments/configs/faces/mean_teacher.py

Time: not measured.
Score: not run.
"""

from experiments.configs.faces.common import faces


def get_config():
    """Returns the configuration."""
    config = faces('mean_teacher', student_view='strong', weight=0.3, ratio=1.0)
    config.ramp = 0.4
    return config
