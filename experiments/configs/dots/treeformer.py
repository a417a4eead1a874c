"""TreeFormer (2023) on generated dots, 16 labelled pictures.

    python -m experiments.train --config=experiments/configs/dots/treeformer.py

Without ranks of crops: ``--config.args.rank_weight=0.``, without the consistency
``consistency_weight=0.``

Time: 1.3 min on a core of a busy 2-core CPU.
Score: mean distance 9.6 ± 1.7 on the test pictures, 3 seeds, in each less than the
  labels alone (-0.8 ± 1.5; the root mean square -1.2 ± 1.2). Without ranks 9.7 ± 1.0,
  without the consistency 9.7 ± 1.3: neither is told apart
  (experiments/results/dots/table.md).
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
