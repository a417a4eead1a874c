"""Teacher-Reviewer-Student (2025) on real faces; much of it inferred, see the method.

    python -m experiments.train --config=experiments/configs/faces/trs.py

Time: not measured.
Score: not run.
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
