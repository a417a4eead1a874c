"""10 annotated clips alone, the same budget: the baseline.

    python -m experiments.train --config=experiments/configs/clips/supervised.py

``supervised.py:centre`` has TSAL's branch of a centre with offsets, too.

Time: 29 s of a busy 2-core CPU, on one core.
Score: 18.0 ± 1.9 % NME, 3 seeds; with the branch 19.0 ± 5.1 %
  (experiments/results/clips/table.md).
"""

from experiments.configs.clips.common import clips


def get_config(branch=''):
    """Returns the configuration."""
    return clips('supervised', centre=branch == 'centre', view='weak')
