"""DS6 (Chatterjee et al. 2020) on drawn vessels with mistakes in their masks.

    python -m experiments.train --config=experiments/configs/tubes/ds6.py

Without the deformations' consistency: ``--config.args.weight=0.``

Time: not measured.
Score: not run.
"""

from experiments.configs.tubes.common import tubes


def get_config():
    """Returns the configuration."""
    config = tubes('ds6', weight=1.0)
    config.networks.network.channels = (8, 16, 32, 64)
    config.networks.network.scales = 3
    config.optimizer.clip = 1.0
    return config
