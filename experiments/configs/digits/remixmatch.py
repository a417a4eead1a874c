"""ReMixMatch (Berthelot et al. 2020) on digits, 40 labels.

Two strong views, as in USB, of the digits' own kind instead of CTAugment's; the head
answers which quarters a view was turned by. Without mixup: --config.args.alpha=0.

    python -m experiments.train --config=experiments/configs/digits/remixmatch.py

Time: not measured.
Score: not run.
"""

from experiments.configs.digits.common import ConfigDict, digits


def get_config():
    """Returns the configuration."""
    config = digits('remixmatch', copies=2, weight=1.5, alpha=0.75, ratio=1.0)
    config.ramp = 1 / 64
    config.networks.head = ConfigDict({'name': 'mlp', 'outputs': 4, 'hidden': ()})
    return config
