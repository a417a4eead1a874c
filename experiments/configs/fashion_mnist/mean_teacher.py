"""Mean Teacher (Tarvainen & Valpola 2017) on Fashion-MNIST, 40 labels.

The student sees the strong view.

    python -m experiments.train \
        --config=experiments/configs/fashion_mnist/mean_teacher.py

Time: not measured.
Score: not run.
"""

from experiments.configs.fashion_mnist.common import fashion_mnist


def get_config():
    """Returns the configuration."""
    config = fashion_mnist(
        'mean_teacher', student_view='strong', weight=10.0, ratio=4.0
    )
    config.ramp = 0.4
    return config
