"""FixMatch (Sohn et al. 2020) on one's own pictures, a few of them labelled.

    python -m experiments.train --config=experiments/configs/own/fixmatch.py \
        --config.data=photos/labels.csv --workdir=runs/photos

The table has the columns path and label; pictures of the folder that it does not list
are learnt from without a label. A tenth of the labels is kept to choose by, none to
test on: --config.reading.test=50 keeps some. Larger pictures: --config.reading.size.

Time: grows with the pictures' size; at 32x32, 0.1 s a step on 2 CPU cores.
Score: yours.
"""

from experiments.configs.base import base

WEAK = {'crop_pad': {'pixels': 4}, 'flip_horizontal': {}}


def get_config():
    """Returns the configuration."""
    config = base(
        'photos/labels.csv',
        'fixmatch',
        network={'name': 'small_cnn', 'channels': (32, 64, 64), 'norm': 'batch'},
        views={'weak': WEAK, 'strong': {**WEAK, 'randaugment': {}}},
        threshold=0.95,
        ratio=4.0,
        joint=False,
    )
    config.reading = {'size': (32, 32), 'channels': 3, 'test': 0}
    config.batch_size = 16
    return config
