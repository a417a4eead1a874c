"""CoMatch (Li et al. 2020) on digits, 40 labels.

    python -m experiments.train --config=experiments/configs/digits/comatch.py

Without the graph of embeddings: ``--config.args.contrast_weight=0.``

Time: about 2.1 min on a core of a busy 2-core CPU.
Score: 98.3 % test accuracy, mean of 3 seeds (97.6 to 99.0); supervised 89.1 %, FixMatch
  97.5 %. With 10 labels (--config.labels_per_class=1) 88.3 % (87.4 to 89.6); supervised
  75.9 %, FixMatch 75.8 %. Without its graph 64.7 %, 23.6 ± 3.8 less.
"""

from experiments.configs.digits.common import ConfigDict, digits


def get_config():
    """Returns the configuration."""
    config = digits(
        'comatch', threshold=0.95, contrast_weight=1.0, ratio=4.0, joint=False
    )
    config.networks.projector = ConfigDict(
        {'name': 'mlp', 'outputs': 64, 'hidden': (64,)}
    )
    return config
