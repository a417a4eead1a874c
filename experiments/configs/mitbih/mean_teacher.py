"""Mean Teacher (Tarvainen & Valpola 2017) on heart beats, 30 labels.

    python -m experiments.train --config=experiments/configs/mitbih/mean_teacher.py

Time: TIME
Score: SCORE
"""

from experiments.configs.mitbih.common import mitbih


def get_config():
    """Returns the configuration."""
    config = mitbih('mean_teacher', student_view='strong', weight=10.0, ratio=4.0)
    config.ramp = 0.4
    return config
