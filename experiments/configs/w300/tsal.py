"""TSAL (2020, arXiv 2012.06711) at its scale: 68 landmarks, 256x256, clips of ten.

    python -m experiments.train --config=experiments/configs/w300/tsal.py \
        --config.data=300vw:<folder>

The folder is that of 300-VW's videos, their frames extracted beforehand
(``data.sources.faces_300vw``). After the colon another method: ``tsal.py:sbr``. Numbers
of the release: 8 clips a step, 150 epochs, SGD of 5e-5 with Nesterov momentum, sigma 6;
its VGG16 is a network of the same stride here.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published tables could not be read.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

ARGS = {
    'supervised': {'view': 'weak'},
    'mean_teacher': {'weight': 1.0, 'ratio': 1.0},
    'sbr': {'weight': 0.2, 'ratio': 1.0},
    'tsal': {
        'decay': 0.6,
        'fusion': 0.5,
        'weight': 1.0,
        'tracker_weight': 2 / 1024**2,  # of a mean over 32x32 cells; here it is a sum
        'ratio': 1.0,
    },
}
"""By method; the tracker of TSAL learns along."""


def get_config(name='tsal'):
    """Returns the configuration of a method."""
    network = {
        'name': 'landmark_cnn',
        'channels': (64, 128, 256),
        'stages': 3,
        'background': True,
        'centre': True,
    }
    moved = {'degrees': 20.0, 'scale': (0.9, 1.1), 'translate': 0.1}
    config = base(
        '300vw:data/300VW',
        name,
        network=network,
        views={'weak': {'affine': moved}, 'strong': {'affine': moved}},
        **ARGS[name],
    )
    config.task = ConfigDict(
        {
            'name': 'landmarks',
            'sigma': 6.0,
            'background': True,
            'centre': 30,
            'normaliser': 'inter_ocular',
        }
    )
    config.networks.tracker = ConfigDict({'name': 'flow_cnn', 'channels': (16, 32, 64)})
    config.reading = {'size': (256, 256), 'groups': 'video'}
    config.labels = 945  # clips whose every frame is annotated: a tenth of 300-VW's
    config.optimizer = ConfigDict(
        {'name': 'sgd', 'lr': 5e-5, 'weight_decay': 5e-4, 'warmup': 0}
    )
    config.ema = 0.999
    config.ramp = 0.4  # 60 of 150 epochs
    config.batch_size = 8
    config.steps = 150 * 9450 // 8
    if name in ('sbr', 'tsal'):  # the catalogue has them in stages
        config.order = (name,)
        stage = {'method': name, 'steps': config.steps, 'args': ARGS[name]}
        config.stages = ConfigDict({name: stage})
    return config
