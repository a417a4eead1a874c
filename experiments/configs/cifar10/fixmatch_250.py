"""FixMatch (Sohn et al. 2020) on CIFAR-10 with 250 labels, whole, on an accelerator.

As in the paper: WRN-28-2, 64 labelled and 7 * 64 unlabelled images a step, SGD with
Nesterov momentum at 0.03 under the 7/16 cosine, decay 5e-4, averaged weights of 0.999,
RandAugment, 2^20 steps. In bfloat16, on a JPEG copy that lies on the device. Nothing of
the 50,000 images is kept to choose by; each seed draws its labels.

    python -m experiments.unpack --set=cifar10_jpeg --output=scratch/cifar10_jpeg.npz
    python -m experiments.train --config=experiments/configs/cifar10/fixmatch_250.py

FreeMatch: ``--config=experiments/configs/cifar10/fixmatch_250.py:freematch``. The time
to 90 and to 94 %, in fewer steps: ``experiments.benchmarks.record``.

Time: not measured.
Score: not run. Published, on lossless images: 5.07 % error.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base
from experiments.configs.cifar10.common import NORMALIZE, WEAK


def get_config(method='fixmatch'):
    """Returns the configuration of a method that has FixMatch's views."""
    config = base(
        'scratch/cifar10_jpeg.npz',
        method,
        network={'name': 'wide_resnet', 'depth': 28, 'width': 2},
        views={
            'weak': WEAK,
            'strong': {**WEAK, 'randaugment': {}},
            'plain': {'normalize': NORMALIZE},
        },
        ratio=7.0,
        joint=True,
    )
    config.labels_per_class = 25
    config.reading = ConfigDict({'validation': 0})
    config.feed.kind = 'resident'
    config.precision = 'bfloat16'
    config.steps = 2**20
    config.batch_size = 64
    config.ema = 0.999
    config.optimizer = ConfigDict(
        {'name': 'sgd', 'lr': 0.03, 'weight_decay': 5e-4, 'warmup': 0}
    )
    config.eval_batch_size = 1000
    config.log_every = 1024
    config.eval_every = config.checkpoint_every = 4096
    return config
