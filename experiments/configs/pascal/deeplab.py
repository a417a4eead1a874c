"""Pascal VOC as published, at crops of 321: 92 of 10582 pictures with masks.

    python -m experiments.train --config=experiments/configs/pascal/deeplab.py \
        --config.data=<pictures.npz>

UniMatch; after the colon ``supervised``. Crops of 512:
``--config.views.weak.random_crop.size=512,512`` and the strong view's alike. The file
holds ``image`` [N, H, W, 3] and ``mask`` [N, H, W], 255 where it says nothing. The
network is a wide one of the kind that ``models.deeplab_small`` has and starts from
nothing; the papers' is a ResNet-101 that knows ImageNet.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published with 92 masks: 75.2 mIoU for UniMatch, pretrained.
"""

from experiments.configs.recipe import recipe


def get_config(method='unimatch'):
    """Returns the configuration of a method."""
    form = {'form': 'cross_entropy'} if method == 'unimatch' else {}
    config = recipe(
        'scratch/pascal.npz',
        method,
        {'name': 'deeplab_small', 'width': 256, 'blocks': 3, 'rates': (6, 12, 18)},
        {
            'flip_horizontal': {},
            'affine': {'scale': (0.5, 2.0)},
            'random_crop': {'size': (320, 320)},
        },
        {
            'colour_jitter': {
                'brightness': 0.5,
                'contrast': 0.5,
                'saturation': 0.5,
                'hue': 0.25,
                'probability': 0.8,
            },
            'random_grayscale': {},
            'random_blur': {},
        },
        steps=80 * 10_582 // 8,
        **form,
    )
    config.task.loss = 'cross_entropy'
    config.labels = 92
    config.batch_size = 8
    config.eval_batch_size = 8
    config.optimizer.lr = 0.001
    return config
