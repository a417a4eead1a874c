"""What the experiments on drawn hearts share; no experiment by itself.

Data: 200 drawn pictures of 48x48 of a dented ring around a cavity, among blobs of the
same greys, of which 6 have masks; 40 more to choose by and 100 to test on
(``data.sources.blobs``; nothing is read).
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

SPACE = {'flip_horizontal': {}, 'flip_vertical': {}, 'rotate90': {}}


def blobs(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    config = base(
        'blobs:cases=200,size=48x48,validation=40,test=100',
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
    config.labels = 6
    config.batch_size = 8
    config.eval_batch_size = 40
    config.steps = 600
    return config
