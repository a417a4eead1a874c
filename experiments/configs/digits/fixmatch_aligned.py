"""FixMatch with distribution alignment on digits, 40 labels.

Answers are aligned to the labels seen before they are thresholded.

    python -m experiments.train --config=experiments/configs/digits/fixmatch_aligned.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    return digits(
        'fixmatch_aligned', threshold=0.95, prior='labels', ratio=4.0, joint=False
    )
