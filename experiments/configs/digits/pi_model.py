"""Pi-model (Laine & Aila 2016) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/pi_model.py

Time: to be measured.
Score: to be measured.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    config = digits('pi_model', ratio=4.0)
    config.ramp = 0.4
    return config
