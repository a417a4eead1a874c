"""CFC-Net (2025, from its abstract) on drawn vessels: a student for each band.

    python -m experiments.train --config=experiments/configs/tubes/cfc_net.py

Without UCF-Mix: ``--config.args.mix_weight=0.``

Time: not measured.
Score: not run.
"""

from experiments.configs.tubes.common import tubes


def get_config():
    """Returns the configuration."""
    config = tubes('cfc_net', weight=0.1, cutoff=0.1, side=8, mix_weight=1.0)
    config.ramp = 0.4
    return config
