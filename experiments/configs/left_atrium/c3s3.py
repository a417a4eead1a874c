"""C3S3 (2025) on slices of the left atrium: the better of two networks teaches.

    python -m experiments.train --config=experiments/configs/left_atrium/c3s3.py

Without the contrast: ``--config.args.contrast_weight=0.``, without the cosine
``agreement_weight=0.``, without the winner's lesson ``weight=0.``

Time: 4.4 min on a core of a busy 2-core CPU.
Score: Dice 0.597 ± 0.053 on the test scans, 3 seeds, 95HD 19.7 mm; without the contrast
  0.658 ± 0.009 and 15.8 mm (experiments/results/left_atrium_systems/table.md): the
  boundaries are not sharper with it in so few steps. In seed 0 the partner answers
  background alone, with it or without. Networks' own weights, of which
  the masks alone have 0.670.
"""

from ml_collections import ConfigDict

from experiments.configs.left_atrium.common import left_atrium


def get_config():
    """Returns the configuration."""
    config = left_atrium(
        'c3s3',
        labels='published',
        weight=0.1,
        agreement_weight=1.0,
        contrast_weight=2.0,
    )
    config.networks.partner = ConfigDict({'name': 'vnet'})
    config.networks.partner.update({'channels': (8, 16, 32), 'depths': (1, 2, 2)})
    config.networks.projector = ConfigDict(
        {'name': 'mlp', 'outputs': 16, 'hidden': (16,)}
    )
    config.task.background = False
    config.ramp = 0.4
    config.steps = 800
    return config
