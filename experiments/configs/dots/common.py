"""What the experiments on counting dots share; no experiment by itself.

Data: 500 drawn pictures of 64x64 with 0 to 60 dots, of which 16 have labels; 200 to
test on and 50 more to choose by (``data.sources.dots``; nothing is read).
"""

from ml_collections import ConfigDict

from experiments.configs.base import base


def dots(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    config = base(
        'dots:rows=750,clutter=2,texture=0.04',
        method,
        network={
            'name': 'pyramid_counter',
            'channels': (8, 16, 32),
            'norm': 'batch',
            'begin': 30 / 64**2,
        },
        views={'weak': {'flip_horizontal': {}, 'flip_vertical': {}}},
        **args,
    )
    config.task = ConfigDict({'name': 'density'})
    config.labels = 16
    config.reading = {'validation': 50, 'test': 200}
    config.batch_size = 8
    config.steps = 800
    config.optimizer.lr = 5e-3
    config.optimizer.warmup = 50
    return config
