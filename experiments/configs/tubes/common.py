"""What the experiments on drawn vessels share; no experiment by itself.

Data: 40 drawn pictures of 64x64 of branching vessels, of which 12 have masks with
mistakes; 20 more to choose by and 60 to test on, with exact ones
(``data.sources.tubes``; nothing is read).
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

SPACE = {'flip_horizontal': {}, 'flip_vertical': {}, 'rotate90': {}}


def tubes(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    config = base(
        'tubes:cases=40,size=64x64,validation=20,test=60,label_noise=0.3',
        method,
        network={'name': 'unet', 'channels': (8, 16, 32)},
        views={
            'weak': SPACE,
            'strong': {
                **SPACE,
                'jitter': {'contrast': (0.6, 1.4), 'brightness': (0.6, 1.4)},
                'noise': {'sigma': 0.05},
            },
        },
        **args,
    )
    config.task = ConfigDict({'name': 'segmentation'})
    config.labels = 12
    config.batch_size = 8
    config.eval_batch_size = 40
    config.steps = 600
    return config
