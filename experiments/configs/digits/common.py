"""What the experiments on digits share; no experiment by itself.

Data: scikit-learn's 1797 digits, split once (split.json): 500 test, 200 validation,
the rest for training, of which 4 a class are labelled. The unlabelled stream draws
from all training rows, labels stripped.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base


def digits(method: str, *, channels=(32, 64), norm='batch', **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments.

    Args:
      method: name in the catalogue.
      channels: width of the network's two stages.
      norm: 'batch' or 'group'. Methods with unlabelled rows gain by batch statistics;
        40 labels alone are better off without (experiments/results/digits_grid).
      **args: the builder's arguments; ``weight`` is the peak of a ramp if ``ramp`` > 0.
    """
    config = base(
        'digits',
        method,
        network={'name': 'small_cnn', 'channels': channels, 'norm': norm},
        views={
            'weak': {'shift': {'pixels': 1}},
            'strong': {
                'affine': {
                    'degrees': 20.0,
                    'scale': (0.8, 1.2),
                    'shear': 0.2,
                    'translate': 0.125,
                },
                'noise': {'sigma': 0.1},
                'cutout': {'fraction': 0.5, 'fill': 0.0},
            },
        },
        **args,
    )
    config.split = 'digits/split.json'
    config.labels_per_class = 4
    return config
