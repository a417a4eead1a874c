"""What the experiments on Fashion-MNIST (Xiao et al. 2017) share.

Data: 60000 grey pictures of 28x28 in 10 classes, 4 labels a class, 10000 to test on
(``python -m experiments.unpack --set=fashion_mnist --output=scratch/fashion_mnist.npz``
); 500 more labels to choose by. Clothes may be flipped, and are not turned around.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

WEAK = {'crop_pad': {'pixels': 2}, 'flip_horizontal': {}}


def fashion_mnist(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    config = base(
        'scratch/fashion_mnist.npz',
        method,
        network={'name': 'small_cnn', 'channels': (8, 16, 32), 'norm': 'batch'},
        views={'weak': WEAK, 'strong': {**WEAK, 'randaugment': {}}},
        **args,
    )
    config.labels_per_class = 4
    config.reading = {'validation': 500}
    config.batch_size = 16
    config.steps = 1000
    return config
