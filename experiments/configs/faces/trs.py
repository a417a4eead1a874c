"""Teacher-Reviewer-Student (2025) on real faces; much of it inferred, see the method.

    python -m experiments.train --config=experiments/configs/faces/trs.py

Time: 4.6 min on a core of a busy 2-core CPU.
Score: 7.7 ± 0.4 % NME, 3 seeds, level with the labels alone (-0.0 ± 0.2;
  experiments/results/faces_5/table.md), with 338 labels, a tenth, 7.0 ± 0.3 % (+0.1 ±
  0.3; experiments/results/faces_10/table.md).
"""

from experiments.configs.faces.common import faces


def get_config():
    """Returns the configuration."""
    config = faces(
        'trs',
        decay=0.99,
        reviewer_decay=0.998,
        teacher_weight=0.5,
        reviewer_weight=0.5,
        count=2,
        share=0.5,
        degrees=30.0,
        scale=0.25,
        weight=0.3,
        ratio=1.0,
    )
    config.ramp = 0.4
    return config
