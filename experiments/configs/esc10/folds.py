"""The audio comparison on ESC-10, 30 labels, the official folds as the repeats.

    for fold in 1 2 3 4 5; do python -m experiments.unpack --set=esc10 --fold=$fold \
        --output=scratch/esc10_fold$fold.npz; done
    python -m experiments.train --config=experiments/configs/esc10/folds.py:mixmatch

Seed 0 tests on fold 1, seed 4 on fold 5, seed 5 on fold 1 again with other labels.
After the colon: one of VARIANTS in experiments/configs/audio.py, MixUp or not. Per
labelled row each looks at about four unlabelled ones a step (Deep Co-Training, of two
networks, at two); weights and batches of the comparison are for thirty times as many
steps. The network has half the width of the other configurations here, so that sixty
runs fit into an hour.

Time: not measured.
Score: not run.
"""

from experiments.configs.audio import audio
from experiments.configs.esc10.common import esc10


def get_config(name='fixmatch'):
    """Returns the configuration of a variant."""
    small = esc10('supervised')
    # Two copies a row, or three; two networks.
    fewer = {'mixmatch': 2.0, 'remixmatch': 1.0, 'deep_co_training': 2.0}
    plain = name.removesuffix('_without').removesuffix('_mixup')
    config = audio(
        'scratch/esc10.npz',
        name,
        network=small.networks.network.to_dict(),
        views=small.views.to_dict(),
        ratio=fewer.get(plain, 4.0),
    )
    fold = (config.get_ref('seed') % 5 + 1).to_str()
    config.data = 'scratch/esc10_fold' + fold + '.npz'
    config.optimizer.lr = 2e-3
    for field in ('labels_per_class', 'reading', 'batch_size'):
        config[field] = small[field]
    config.steps = 400
    config.networks.network.channels = (8, 16, 32)
    if config.method == 'mixmatch':
        config.ramp = 0.4
    return config
