"""Distillation of CIFAR-100 as mdistiller has it: a WRN-40-2 teaches a WRN-16-2.

    python -m experiments.train --config=experiments/configs/cifar100/distillation.py

All labels, 240 epochs of 64 images, the rate falling to a tenth after 150, 180 and 210.
``config.order`` has the teacher and KD++; with ``--config.order="('teacher','kd')"`` it
is another of the stages. Its weights beside the labels are KD 0.9 to 0.1, the others 1
to 1, of DKD 6 for the other classes. Its networks have no leaky ReLU and none of USB's
first norms, its DKD comes in over 20 epochs, and its CRD draws of other classes; those
are left out.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published: 75.61 % the teacher, 73.26 % alone, 74.92 % KD, 76.24 % DKD,
  74.08 % AT, 73.35 % RKD, 75.48 % CRD.
"""

from ml_collections import ConfigDict

from experiments.configs.cifar100.common import DATA, NORMALIZE
from experiments.configs.classic import classic

EPOCHS = 240
STEPS = EPOCHS * 50_000 // 64


def get_config():
    """Returns the configuration."""
    config = classic(DATA, 'distil', pixels=4, normalize=NORMALIZE, depth=40)
    config.ema = 0.0
    config.steps = STEPS
    config.optimizer = ConfigDict(
        {'name': 'sgd', 'lr': 0.05, 'weight_decay': 5e-4, 'warmup': 0}
    )
    config.optimizer.decay = 'tenths'
    config.networks.teacher_network = config.networks.network
    head = {'name': 'mlp', 'outputs': 128, 'hidden': ()}
    config.networks.embedder = ConfigDict(head)
    config.networks.teacher_embedder = ConfigDict(head)
    config.stages = ConfigDict(
        {
            'teacher': {
                'method': 'supervised',
                'steps': STEPS,
                'args': {'view': 'weak'},
            },
            'means': {'sweep': 'class_means', 'by': 'teacher'},
            'kd': _taught('distil', label_weight=1 / 9),
            'dkd': _taught('distil', loss='dkd', options={'other_weight': 6.0}),
            'attention': _features('attention', ('stage1', 'stage2', 'stage3')),
            'relations': _features('relations', ('features',)),
            'kd_plus_plus': {
                **_taught('distil_features', loss='norm_direction', weight=1.5),
                'given': {'class_means': 'means'},
            },
            'contrast': _taught(
                'distil_contrast', on=None, answer_weight=0.0, negatives=16_384
            ),
        }
    )
    config.order = ('teacher', 'means', 'kd_plus_plus')
    return config


def _features(loss, taps):
    return _taught('distil_features', loss=loss, taps=taps, answer_weight=0.0)


def _taught(method, *, on='labelled', **args):
    """A stage of the narrow network on labelled images."""
    args = {'label_weight': 1.0, 'temperature': 4.0, **args}
    if on:
        args['on'] = on
    return {
        'method': method,
        'steps': STEPS,
        'args': args,
        'network': {'depth': 16},
        'teacher_from': 'teacher',
    }
