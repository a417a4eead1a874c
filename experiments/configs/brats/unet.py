"""BraTS as published: a 3D U-Net, patches of 96x96x96, 25 of 250 scans with masks.

    python -m experiments.train --config=experiments/configs/brats/unet.py \
        --config.data=<volumes.npz>

Mean Teacher, or after the colon another method: ``unet.py:uamt``. The file is as in
``left_atrium/vnet.py``. ``--config.networks.network.remat=True`` needs less memory.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run.
"""

from ml_collections import ConfigDict

from experiments.configs.recipe import recipe


def get_config(method='mean_teacher'):
    """Returns the configuration of a method."""
    config = recipe(
        'scratch/brats.npz',
        method,
        {
            'name': 'unet',
            'axes': 3,
            'channels': (16, 32, 64, 128, 256),
            'remat': False,
        },
        {'flip3d': {}, 'random_crop': {'size': (96, 96, 96)}},
        {'intensity3d': {'noise': 0.1}},
    )
    config.labels = 25
    config.sliding = ConfigDict({'patch': (96, 96, 96), 'overlap': 0.5})
    config.batch_size = 2
    config.eval_batch_size = 1
    return config
