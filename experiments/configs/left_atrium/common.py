"""What the experiments on the left atrium share; no experiment by itself.

Data: slices of MRI, four a scan, whole, of 48x48 pixels of 2.5 mm, 80 scans to train on
and 20 others to test on (2018 Left Atrium Challenge; the split of UA-MT and DTC); 4
scans keep their masks, 8 more are to choose by (``python -m experiments.unpack
--set=left_atrium_half --output=scratch/left_atrium_half.npz``). They may be used for
research. In twice the resolution: ``--config.data=scratch/left_atrium.npz``, unpacked
from ``left_atrium``.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base
from experiments.configs.segmentation import views_of

SPACE = {
    'flip_vertical': {},
    'rotate90': {},
    'affine': {'degrees': 20.0, 'scale': (0.9, 1.1), 'translate': 0.08},
}
STRONG = {
    **SPACE,
    'jitter': {'contrast': (0.5, 1.5), 'brightness': (0.5, 1.5)},
    'noise': {'sigma': 0.05},
}


def left_atrium(method: str, *, labels: str = 'strong', **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments.

    Args:
      method: name in the catalogue.
      labels: see ``views_of``.
      **args: the builder's arguments.
    """
    config = base(
        'scratch/left_atrium_half.npz',
        method,
        network={'name': 'unet', 'channels': (8, 16, 32, 64)},
        views=views_of(SPACE, STRONG, labels),
        **args,
    )
    config.task = ConfigDict({'name': 'segmentation'})
    config.labels = 4  # scans
    config.reading = {'validation': 32}  # slices of 8 scans
    config.batch_size = 8
    config.eval_batch_size = 40
    config.steps = 2400
    config.eval_every = 400
    return config
