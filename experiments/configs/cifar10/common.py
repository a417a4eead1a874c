"""What the experiments on the small protocol of CIFAR-10 share.

Data: 500 images a class, of which 40 are labelled, and the first 1000 test images, all
lossless (``python -m experiments.unpack --set=cifar10 --output=scratch/cifar10.npz``);
500 more labels to choose by. Not the published protocol: a tenth of its images, and a
network of a hundredth of its size.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

NORMALIZE = {'mean': (0.4914, 0.4822, 0.4465), 'std': (0.2470, 0.2435, 0.2616)}
WEAK = {'crop_pad': {'pixels': 4}, 'flip_horizontal': {}, 'normalize': NORMALIZE}


def cifar10(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    config = base(
        'scratch/cifar10.npz',
        method,
        network={'name': 'small_cnn', 'channels': (16, 32, 64), 'norm': 'batch'},
        views={
            'weak': WEAK,
            'strong': {**WEAK, 'randaugment': {}},
            'plain': {'normalize': NORMALIZE},
        },
        **args,
    )
    config.labels_per_class = 40
    config.batch_size = 16
    config.steps = 1500
    return config
