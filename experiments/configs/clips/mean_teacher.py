"""Mean Teacher (Tarvainen & Valpola 2017) on the heatmaps of generated clips.

The average answers on weak views, its heatmaps are carried into the student's frame.

    python -m experiments.train --config=experiments/configs/clips/mean_teacher.py

``mean_teacher.py:centre`` has TSAL's branch of a centre with offsets, too.

Time: about 40 s on a core of a busy 2-core CPU.
Score: 16.0 ± 1.7 % NME, 8 seeds, 2.6 ± 1.8 less than the labels alone; with the branch
  17.0 ± 2.5 %, 2.7 ± 1.3 less than these with it (experiments/results/clips/table.md).
"""

from experiments.configs.clips.common import clips
from ssljax.methods.parts import check_choice


def get_config(branch=''):
    """Returns the configuration."""
    check_choice('branch', branch, ('', 'centre'))
    args = {'student_view': 'strong', 'weight': 0.3, 'ratio': 1.0}
    config = clips('mean_teacher', centre=branch == 'centre', **args)
    config.ramp = 0.4
    return config
