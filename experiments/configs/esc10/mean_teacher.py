"""Mean Teacher (Tarvainen & Valpola 2017) on ESC-10, 30 labels.

    python -m experiments.train --config=experiments/configs/esc10/mean_teacher.py

Time: TIME
Score: SCORE
"""

from experiments.configs.esc10.common import esc10


def get_config():
    """Returns the configuration."""
    config = esc10('mean_teacher', student_view='strong', weight=10.0, ratio=4.0)
    config.ramp = 0.4
    return config
