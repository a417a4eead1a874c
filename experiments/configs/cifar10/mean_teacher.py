"""Mean Teacher (Tarvainen & Valpola 2017) on a tenth of CIFAR-10, 400 labels.

    python -m experiments.train --config=experiments/configs/cifar10/mean_teacher.py

Time: TIME
Score: SCORE
"""

from experiments.configs.cifar10.common import cifar10


def get_config():
    """Returns the configuration."""
    config = cifar10('mean_teacher', student_view='strong', weight=10.0, ratio=4.0)
    config.ramp = 0.4
    return config
