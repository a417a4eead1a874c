"""Mean Teacher (Tarvainen & Valpola 2017) on slices of the left atrium, 4 scans.

    python -m experiments.train --config=experiments/configs/left_atrium/mean_teacher.py

Time: about 9 min on a core of a busy 2-core CPU.
Score: Dice 0.805 ± 0.026 on the test scans, 3 seeds, 0.002 ± 0.002 over the masks alone
  on the same views (experiments/results/left_atrium/table.md). With one scan
  (--config.labels=1) 0.746 ± 0.046, 0.020 ± 0.014 over them, 5 seeds
  (experiments/results/left_atrium_share/table.md).
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'mean_teacher', student_view='strong', weight=1.0, ratio=1.0, joint=True
    )
    config.ramp = 0.4
    return config
