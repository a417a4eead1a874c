"""Teacher-Reviewer-Student (2025) on real faces; much of it inferred, see the method.

    python -m experiments.train --config=experiments/configs/faces/trs.py

Time: 1.0 min on a core of a busy 2-core CPU.
Score: 12.4 ± 1.5 % NME, 3 seeds, 0.2 ± 0.5 more than the labels alone, which so few
  steps do not exhaust (experiments/results/faces_5/table.md).
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
