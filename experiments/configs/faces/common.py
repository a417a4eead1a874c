"""What the experiments on real faces share; no experiment by itself.

Data: 64x64 grey crops of YouTube Faces (Wolf et al. 2011) with 68 landmarks, of 278
people to train and 69 others to test on; a twentieth of the frames keeps its landmarks,
1254 never had any (``python -m experiments.unpack --set=faces
--output=scratch/faces.npz``). The pictures may be used for research and not be
published.

Begun with 400 steps and a rate that stays high: the labels alone then had an NME of
13.2 % over three seeds, the average behind its student; Mean Teacher in two no less.
Then 600 steps and half of the channels: 12.2 ± 1.1 %, no method below it, and not even
the labels of all frames were exhausted (9.7 % after 2400 steps, validation, one seed).
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

TENTH = 338  # of the 3379 annotated frames


def faces(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    colours = {'contrast': (0.7, 1.3), 'brightness': (0.8, 1.2)}
    config = base(
        'scratch/faces.npz',
        method,
        network={'name': 'landmark_cnn', 'channels': (16, 32)},
        views={
            'weak': {
                'affine': {'degrees': 15.0, 'scale': (0.9, 1.1), 'translate': 0.04}
            },
            'strong': {
                'affine': {'degrees': 40.0, 'scale': (0.75, 1.25), 'translate': 0.08},
                'jitter': colours,
                'noise': {'sigma': 0.05},
                'cutout': {'fraction': 0.3, 'fill': 0.0},
            },
        },
        **args,
    )
    config.task = ConfigDict(
        {'name': 'landmarks', 'sigma': 4.0, 'normaliser': 'inter_ocular'}
    )
    config.labels = TENTH // 2
    config.reading = {'validation': 300, 'groups': 'person'}
    config.batch_size = 8
    config.steps = 2400
    config.optimizer.lr = 4e-3
    config.optimizer.warmup = 50
    config.optimizer.decay = 'cosine'
    config.eval_every = 2400
    return config
