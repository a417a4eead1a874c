"""What the experiments on the hippocampus share; no experiment by itself.

Data: 200 volumes of MRI to train on and 60 others to test on, filled up to 48x64x48
voxels of 1 mm and halved to 24x32x24; front and back are classes (Medical Segmentation
Decathlon, task 4, Antonelli et al. 2022, CC BY-SA 4.0). 6 keep their masks, 10 more are
to choose by (``python -m experiments.unpack --set=hippocampus_half
--output=scratch/hippocampus_half.npz``).
"""

from ml_collections import ConfigDict

from experiments.configs.base import base
from experiments.configs.segmentation import views_of

SPACE = {
    'affine3d': {'degrees': 15.0, 'scale': (0.9, 1.1)},
}
STRONG = {
    **SPACE,
    'intensity3d': {'gamma': (0.7, 1.5), 'contrast': (0.7, 1.3), 'noise': 0.05},
}


def hippocampus(method: str, *, labels: str = 'strong', **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments.

    Args:
      method: name in the catalogue.
      labels: see ``views_of``.
      **args: the builder's arguments.
    """
    config = base(
        'scratch/hippocampus_half.npz',
        method,
        network={'name': 'unet', 'axes': 3, 'channels': (8, 16, 32)},
        views=views_of(SPACE, STRONG, labels),
        **args,
    )
    config.task = ConfigDict({'name': 'segmentation'})
    config.labels = 6  # volumes
    config.reading = {'validation': 10}
    config.batch_size = 2
    config.eval_batch_size = 5
    config.steps = 400
    config.eval_every = 200
    return config
