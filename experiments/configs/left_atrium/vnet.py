"""The left atrium as published: V-Net, 112x112x80 voxels, 8 of 80 scans with masks.

    python -m experiments.train --config=experiments/configs/left_atrium/vnet.py \
        --config.data=<volumes.npz>

UA-MT, or after the colon another method: ``vnet.py:bcp``. The file holds ``image``
[N, Z, Y, X, 1], ``mask`` and ``spacing`` as ``experiments.unpack`` writes them, in the
full size of the 2018 Left Atrium Challenge.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published with 8 scans: Dice 84.25 for UA-MT, about 89.6 for BCP.
"""

from ml_collections import ConfigDict

from experiments.configs.recipe import recipe


def get_config(method='uamt'):
    """Returns the configuration of a method."""
    config = recipe(
        'scratch/left_atrium_volumes.npz',
        method,
        {'name': 'vnet', 'channels': (16, 32, 64, 128, 256)},
        {'flip3d': {}, 'random_crop': {'size': (80, 112, 112)}},
        {'intensity3d': {'noise': 0.1}},
    )
    config.task.background = False
    config.labels = 8
    if method == 'bcp':
        for stage in config.stages.values():
            stage.args.by_example = True  # as the 3D code has it
    config.sliding = ConfigDict({'patch': (80, 112, 112), 'overlap': 0.5})
    config.batch_size = 2
    config.eval_batch_size = 1
    return config
