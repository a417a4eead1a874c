"""Teacher-Reviewer-Student (2025) on real faces; much of it inferred, see the method.

    python -m experiments.train --config=experiments/configs/faces/trs.py

Time: not measured.
Score: not run.
"""

from experiments.configs.faces.common import faces


def get_config():
    """Returns the configuration."""
    return faces(
        'trs',
        decay=0.99,
        reviewer_decay=0.998,
        teacher_weight=0.15,
        reviewer_weight=0.15,
        ratio=1.0,
    )
