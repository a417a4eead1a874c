"""What the experiments on ImageNet share; no experiment by itself.

Data: a folder that ``experiments.prepare`` wrote of the 1,281,167 training images,
each brought to 256x256 before; validation and test are what it says.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

ROWS = 1_281_167
CROP = {'resized_crop': {'size': (224, 224)}, 'flip_horizontal': {}}
STRENGTH = 1.0
"""Of SimCLR's colours."""


def imagenet(method: str, batch_size: int, **network) -> ConfigDict:
    """Returns a configuration with a residual network.

    Args:
      method: name in the catalogue.
      batch_size: of labelled rows.
      **network: arguments of ``models.resnet``.
    """
    colours = {name: 0.8 * STRENGTH for name in ('brightness', 'contrast')}
    colours |= {'saturation': 0.8 * STRENGTH, 'hue': 0.2 * STRENGTH}
    config = base(
        'scratch/imagenet',
        method,
        network={'name': 'resnet', 'depth': 50, **network},
        views={
            'weak': CROP,
            'strong': {
                **CROP,
                'colour_jitter': {**colours, 'probability': 0.8},
                'random_grayscale': {},
                'random_blur': {},
            },
        },
    )
    config.batch_size = batch_size
    config.precision = 'bfloat16'
    config.ema = 0.0
    config.eval_every = config.checkpoint_every = 5000
    return config


def epochs(count: float, batch_size: int, rows: int = ROWS) -> int:
    """Returns how many steps they are."""
    return round(count * rows / batch_size)
