"""10 annotated clips alone, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/clips/supervised.py

``supervised.py:centre`` has TSAL's branch of a centre with offsets, too.

Time: about 20 s on a core of a busy 2-core CPU, 30 s with the branch.
Score: 18.6 ± 3.1 % NME, 8 seeds; with the branch 19.7 ± 3.3 %
  (experiments/results/clips/table.md).
"""

from experiments.configs.clips.common import clips
from ssljax.methods.parts import check_choice


def get_config(branch=''):
    """Returns the configuration."""
    check_choice('branch', branch, ('', 'centre'))
    return clips('supervised', centre=branch == 'centre', view='weak')
