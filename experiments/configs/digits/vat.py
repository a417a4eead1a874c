"""VAT (Miyato et al. 2017) on digits, 40 labels.

Without entropy: --config.args.entropy_weight=0.

    python -m experiments.train --config=experiments/configs/digits/vat.py

Time: about 2.3 min on a core of a busy 2-core CPU.
Score: 98.4 % test accuracy, mean of 3 seeds (98.2 to 98.6); supervised 89.1 %, FixMatch
  97.5 %. With 10 labels (--config.labels_per_class=1) 84.4 % (78.0 to 88.0); supervised
  75.9 %, FixMatch 75.8 %.
"""

from experiments.configs.digits.common import digits


def get_config():
    """Returns the configuration."""
    # A digit has a length of about 4: its pixels are 64 numbers in [0, 1].
    return digits('vat', size=1.5, entropy_weight=0.06, ratio=4.0)
