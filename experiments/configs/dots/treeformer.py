"""TreeFormer (2023) on generated dots, 16 labelled pictures.

    python -m experiments.train --config=experiments/configs/dots/treeformer.py

Without ranks of crops: ``--config.args.rank_weight=0.``, without the consistency
``consistency_weight=0.``

Time: 1.2 min on a core of a busy 2-core CPU, 51 s without both.
Score: mean distance 10.1 ± 0.8 on the test pictures, 8 seeds, in six of them less than
  the labels alone (-0.7 ± 1.0; the root mean square -1.1 ± 1.1). All of it is the
  counts beside the densities, which learn from labels: without ranks and consistency
  10.0 ± 0.7 (-0.8 ± 0.9; the root mean square -1.1 ± 0.9), 0.1 ± 0.4 less than with
  them (experiments/results/dots/table.md).
"""

from experiments.configs.dots.common import dots


def get_config():
    """Returns the configuration."""
    config = dots(
        'treeformer',
        consistency_weight=1.0,
        rank_weight=1.0,
        token_weight=1.0,
        weight=1.0,
        ratio=1.0,
    )
    config.ramp = 0.2
    return config
