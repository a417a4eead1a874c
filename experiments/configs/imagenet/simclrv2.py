"""SimCLRv2 (Chen et al. 2020) on ImageNet, 1 % of the labels: a ResNet-50 (2x) teaches.

    python -m experiments.train --config=experiments/configs/imagenet/simclrv2.py

Pretrained for 800 epochs, fine-tuned for 60 from the projector's first layer, distilled
for 400 into a ResNet-50. Of the paper's networks it has the plain ones, without
selective kernels and the stem that goes with them. 10 % of the labels:
``--config.labels_per_class=128 --config.stages.finetune.steps=3753``.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published for a ResNet-50: 73.9 % by 1 % of the labels, 77.5 % by 10 %,
  taught by a ResNet-152 (3x) with selective kernels.
"""

from experiments.configs.imagenet.common import ConfigDict, epochs, imagenet

PER_CLASS = 13


def get_config():
    """Returns the configuration."""
    config = imagenet('simclrv2', 1024, width=2)
    body = config.networks.network.to_dict()
    config.labels_per_class = PER_CLASS
    whole = {'name': 'projected', 'network': body, 'cut': 1}
    tuned = {'hidden': 1, 'outputs': 0}
    config.networks.network = ConfigDict(whole)
    config.networks.teacher_network = ConfigDict({**whole, **tuned})
    config.optimizer = ConfigDict(
        {'name': 'lars', 'lr': 6.4, 'weight_decay': 1e-4, 'decay': 'cosine'}
    )
    config.optimizer.warmup = epochs(40, 4096)
    config.order = ('pretrain', 'finetune', 'distil')
    config.stages = ConfigDict(
        {
            'pretrain': {
                'method': 'simclr',
                'steps': epochs(800, 4096),
                'args': {'temperature': 0.1, 'ratio': 4.0},
            },
            'finetune': {
                'method': 'supervised',
                'steps': epochs(60, 1024, 1000 * PER_CLASS),
                'args': {'view': 'weak'},
                'network': tuned,
                'rates': {'lr': 0.16, 'weight_decay': 0.0, 'warmup': 0},
                'start_from': 'pretrain',
                'drop': ('projection2', 'projection3'),
            },
            'distil': {
                'method': 'distil',
                'steps': epochs(400, 4096),
                'args': {'temperature': 0.1, 'view': 'weak', 'ratio': 4.0},
                'rates': {'warmup': epochs(20, 4096)},
                'network': {'name': 'resnet', 'depth': 50},
                'teacher_from': 'finetune',
            },
        }
    )
    return config
