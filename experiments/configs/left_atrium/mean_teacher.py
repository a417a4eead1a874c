"""Mean Teacher (Tarvainen & Valpola 2017) on slices of the left atrium, 4 scans.

    python -m experiments.train --config=experiments/configs/left_atrium/mean_teacher.py

Time: not measured.
Score: not run.
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'mean_teacher', student_view='strong', weight=1.0, ratio=1.0, joint=True
    )
    config.ramp = 0.4
    return config
