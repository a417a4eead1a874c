"""SSLD (Cui et al. 2021) on ImageNet: a ResNet-152 (2x) teaches a ResNet-50.

    python -m experiments.train --config=experiments/configs/imagenet/ssld.py

The teacher learns all labels; the student its answers for 360 epochs on the training
images and on 4000 mined for each class, then for 60 on the training images alone, a
hundred times more slowly. The pool is what the data have without a label, in the paper
the 14 million images of ImageNet-22k, of which the mined ones are 4 million. Its
networks are others: a ResNeXt-101 that saw a billion images, a ResNet-50 with the stem
of ResNet-D.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published: 79.1 % by the labels, 82.4 % taught.
"""

from experiments.configs.imagenet.common import ROWS, ConfigDict, epochs, imagenet

MINED = 4_000_000


def get_config():
    """Returns the configuration."""
    config = imagenet('ssld', 1024)
    config.networks.teacher_network = ConfigDict(
        {'name': 'resnet', 'depth': 152, 'width': 2}
    )
    config.reading = {'with_labelled': False}
    config.optimizer = ConfigDict(
        {'name': 'sgd', 'lr': 0.4, 'weight_decay': 7e-5, 'decay': 'cosine'}
    )
    config.optimizer.warmup = epochs(5, 1024)
    config.order = ('teacher', 'mine', 'distil', 'tune')
    distil = {
        'method': 'distil',
        'steps': epochs(360, 1024, ROWS + MINED),
        'args': {'loss': 'symmetric_kl', 'view': 'weak'},
        'teacher_from': 'teacher',
        'rows': {'unlabelled': ('labelled', 'mine')},
    }
    config.stages = ConfigDict(
        {
            'teacher': {
                'method': 'supervised',
                'steps': epochs(120, 1024),
                'args': {'view': 'weak'},
                'network': config.networks.teacher_network.to_dict(),
            },
            'mine': {'sweep': 'mined', 'by': 'teacher', 'count': MINED // 1000},
            'distil': distil,
            'tune': {
                **distil,
                'steps': epochs(60, 1024),
                'rates': {'lr': 0.004, 'warmup': 0},
                'start_from': 'distil',
                'rows': {'unlabelled': ('labelled',)},
            },
        }
    )
    return config
