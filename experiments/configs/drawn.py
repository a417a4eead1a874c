"""What experiments on drawn masks share; no experiment by itself."""

from ml_collections import ConfigDict

from experiments.configs.base import base

SPACE = {'flip_horizontal': {}, 'flip_vertical': {}, 'rotate90': {}}


def drawn(data: str, labels: int, method: str, **args) -> ConfigDict:
    """Returns a configuration of a small U-Net.

    Args:
      data: what is drawn, as ``data.load`` takes it.
      labels: pictures that have their masks.
      method: name in the catalogue.
      **args: the builder's.
    """
    config = base(
        data,
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
    config.labels = labels
    config.batch_size = 8
    config.eval_batch_size = 40
    config.steps = 600
    return config
