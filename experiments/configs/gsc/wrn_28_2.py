"""Speech Commands, 35 words, as in the audio comparison: WRN-28-2, 8470 labels.

    python -m experiments.train --config=experiments/configs/gsc/wrn_28_2.py

Other methods: ``wrn_28_2.py:mixmatch`` and so on, of experiments/configs/audio.py. Log-
mels are [32, 64]. Data: a folder of the recordings by the official lists, in ``train``,
``validation`` and ``test``, each with a folder a word.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run. Published: 4.44 % error for FixMatch, 3.31 % with MixUp, 3.25 % for
  MixMatch; all labels 4.94 %.
"""

from experiments.configs.audio import published


def get_config(name='fixmatch'):
    """Returns the configuration of a variant."""
    config = published(
        'scratch/gsc', name, rate=16_000, seconds=1.0, batch=128, rows=84_843
    )
    del config.reading.validation  # it has a part of its own
    config.labels_per_class = 242
    return config
