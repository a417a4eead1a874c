"""UniMatch (Yang et al. 2022) on slices of the left atrium, 4 scans with masks.

    python -m experiments.train --config=experiments/configs/left_atrium/unimatch.py

Strong views only: ``--config.args.feature_weight=0.``; no boxes:
``--config.args.boxes=0.``; by cross-entropy: ``--config.args.form=cross_entropy``

Time: about 15 min on a core of a busy 2-core CPU.
Score: Dice 0.802 ± 0.042 on the test scans, 3 seeds, -0.001 ± 0.021 over the masks
  alone on the same views (experiments/results/left_atrium/table.md).
"""

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    return left_atrium(
        'unimatch',
        form='dice',
        threshold=0.95,
        boxes=0.5,
        feature_weight=0.5,
        weight=1.0,
        ratio=1.0,
    )
