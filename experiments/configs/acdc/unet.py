"""ACDC as published: U-Net, slices of 256x256, 7 of 70 patients with masks.

    python -m experiments.train --config=experiments/configs/acdc/unet.py \
        --config.data=<slices.npz>

UniMatch, or after the colon another method: ``unet.py:bcp``. The file holds ``image``
[N, 256, 256, 1], ``mask``, ``spacing`` and ``case``, the patient, as in
``data.sources.mask_arrays``.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published with 7 patients: Dice 89.92 for UniMatch, 88.84 for BCP, of
  whole volumes; here a case is a slice.
"""

from experiments.configs.recipe import recipe


def get_config(method='unimatch'):
    """Returns the configuration of a method."""
    config = recipe(
        'scratch/acdc.npz',
        method,
        {'name': 'unet', 'channels': (16, 32, 64, 128, 256)},
        {'flip_horizontal': {}, 'rotate90': {}, 'affine': {'degrees': 20.0}},
        {
            'jitter': {'contrast': (0.5, 1.5), 'brightness': (0.5, 1.5)},
            'noise': {'sigma': 0.05},
        },
    )
    config.labels = 7
    config.batch_size = 12
    return config
