"""What the experiments on ESC-10 (Piczak 2015) share.

Data: log-mels of 400 sounds of 5 s in 10 classes, coarse ones for minutes on a CPU; one
of the five official folds is tested, a tenth of the others is labelled, 3 a class
(``python -m experiments.unpack --set=esc10 --output=scratch/esc10.npz``). Views after
Cances et al. 2022 (arXiv 2102.08183): holes in time and frequency, wider when strong.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base


def esc10(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    config = base(
        'scratch/esc10.npz',
        method,
        network={'name': 'small_cnn', 'channels': (16, 32, 64), 'norm': 'batch'},
        views={
            'weak': {
                'shift': {'pixels': 1},
                'cutout': {'fraction': 0.25, 'fill': 0.0},
                'noise': {'sigma': 0.01},
            },
            'strong': {
                'affine': {'translate': 0.1, 'scale': (0.9, 1.1)},
                'noise': {'sigma': 0.05},
                'cutout': {'fraction': 0.75, 'fill': 0.0},
                'jitter': {'contrast': (0.7, 1.3), 'brightness': (0.8, 1.2)},
            },
        },
        **args,
    )
    config.labels_per_class = 3
    config.reading = {'validation': 40}
    config.batch_size = 10
    config.steps = 600
    return config
