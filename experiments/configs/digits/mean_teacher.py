"""Mean Teacher (Tarvainen & Valpola 2017) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/mean_teacher.py

Time and score: see the end of this docstring once measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    config = digits('mean_teacher', student_view='strong', weight=10.0, ratio=4.0)
    config.ramp = 0.4
    return config
