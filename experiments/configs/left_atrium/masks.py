"""The autoencoder of masks of anatomy-aware uncertainty (Adiga et al. 2022), alone.

It mends masks, which is not scored; ``anatomy.py`` trains it on the way.

    python -m experiments.train --config=experiments/configs/left_atrium/masks.py

Time: not measured.
Score: none.
"""

from ml_collections import ConfigDict

from experiments.configs.left_atrium.common import SPACE, left_atrium

NETWORK = {'name': 'mask_autoencoder', 'shape': (48, 48), 'channels': (8, 16, 32)}
DAMAGED = {**SPACE, 'damage_mask': {'num_classes': 2}}


def get_config():
    """Returns the configuration."""
    config = left_atrium('mask_autoencoder')
    config.networks = ConfigDict({'network': NETWORK})
    config.views = ConfigDict({'damaged': DAMAGED})
    return config
