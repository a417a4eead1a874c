"""What the experiments on AG News (Zhang et al. 2015) share.

Data: 6000 news items in 4 classes, 40 labels a class, 1600 items to test on; words seen
twice among the 6000
(``python -m experiments.unpack --set=agnews --output=scratch/agnews.npz``).
"""

from ml_collections import ConfigDict

from experiments.configs.base import base


def agnews(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    config = base(
        'scratch/agnews.npz',
        method,
        network={
            'name': 'text_cnn',
            'vocabulary': 10_000,
            'embedding': 64,
            'channels': (64,),
            'dropout': 0.5,
        },
        views={
            'weak': {'text': {'drop': {'probability': 0.3}}},
            'strong': {'text': {'drop': {'probability': 0.4}, 'swap': {'share': 0.2}}},
        },
        **args,
    )
    config.labels_per_class = 40
    config.reading = {'validation': 300}
    config.batch_size = 40
    config.steps = 1000
    return config
