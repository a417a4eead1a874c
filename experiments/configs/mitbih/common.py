"""What the experiments on heart beats (MIT-BIH, Moody & Mark 2001) share.

Data: beats of 0.9 s in classes N, S and V (AAMI), 10 labels a class; the tested beats
are of other patients
(``python -m experiments.unpack --set=mitbih --output=scratch/mitbih.npz``).
"""

from ml_collections import ConfigDict

from experiments.configs.base import base


def mitbih(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    config = base(
        'scratch/mitbih.npz',
        method,
        network={'name': 'series_cnn', 'channels': (16, 32, 64), 'norm': 'batch'},
        views={
            'weak': {'series': {'scale': {'sigma': 0.1}, 'jitter': {'sigma': 0.02}}},
            'strong': {
                'series': {
                    'time_warp': {'sigma': 0.2},
                    'scale': {'sigma': 0.2},
                    'magnitude_warp': {'sigma': 0.2},
                    'jitter': {'sigma': 0.05},
                    'mask': {'share': (0.0, 0.3)},
                }
            },
        },
        **args,
    )
    config.labels_per_class = 10
    config.reading = {'validation': 300}
    config.batch_size = 30
    return config
