"""ESC-10 as in the audio comparison: WRN-28-2 on log-mels [431, 64], 30 labels.

    python -m experiments.train --config=experiments/configs/esc10/wrn_28_2.py

Other methods, with MixUp or without: ``wrn_28_2.py:mixmatch`` and so on, of VARIANTS in
experiments/configs/audio.py. Data: a folder of the recordings, one fold in ``test`` and
the others in ``train``, each with a folder a class.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published: 13.33 % error for FixMatch, 12.00 % for ReMixMatch.
"""

from experiments.configs.audio import published


def get_config(name='fixmatch'):
    """Returns the configuration of a variant."""
    config = published(
        'scratch/esc10', name, rate=44_100, seconds=5.0, batch=30, rows=320
    )
    config.labels_per_class = 3
    return config
