"""UrbanSound8K as in the audio comparison: WRN-28-2 on log-mels [173, 64], 780 labels.

    python -m experiments.train --config=experiments/configs/ubs8k/wrn_28_2.py

Other methods: ``wrn_28_2.py:mixmatch`` and so on, of experiments/configs/audio.py.
Data: a folder of the recordings, one of the ten folds in ``test`` and the others in
``train``, each with a folder a class. Ten per cent are labelled, here as many of each
class; recordings are cut or filled up to 4 s.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published: 18.02 % error for MixMatch; all labels 23.29 %.
"""

from experiments.configs.audio import published


def get_config(name='fixmatch'):
    """Returns the configuration of a variant."""
    config = published(
        'scratch/ubs8k', name, rate=22_050, seconds=4.0, batch=128, rows=7860
    )
    config.labels_per_class = 78
    return config
