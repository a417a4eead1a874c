"""DS6 (Chatterjee et al. 2020) on drawn vessels with mistakes in their masks.

    python -m experiments.train --config=experiments/configs/tubes/ds6.py

Without the deformations' consistency: ``--config.args.weight=0.``

Time: about 3.8 min on a core of a busy 2-core CPU, 400 steps.
Score: Dice 0.650 ± 0.262 after 400 steps, 3 seeds; without the consistency
  0.603 ± 0.402, the masks alone 0.430 ± 0.456. In each seed it is above the masks
  alone, in two above itself without consistency (experiments/results/tubes/table.md).
"""

from experiments.configs.tubes.common import tubes


def get_config():
    """Returns the configuration."""
    config = tubes('ds6', weight=1.0)
    config.networks.network.channels = (8, 16, 32, 64)
    config.networks.network.scales = 3
    config.optimizer.clip = 1.0
    return config
