"""Active learning: 10 labels, then 10 more a round by k-centre (as PCoreSet, 2025).

    python -m experiments.train --config=experiments/configs/digits/active.py

Time: 14 s of CPU.
Score: on validation, 3 seeds, 84.0 % with 40 labels; 78.5 % with as many chosen at
  random (--config.rounds.policy=random). No test score was taken.
"""

from experiments.configs.digits.common import ConfigDict, digits


def get_config():
    """Returns the configuration."""
    config = digits('active', channels=(16, 32), view='strong')
    config.labels_per_class = 1
    config.batch_size = 10
    config.steps = 500  # a round
    config.rounds = ConfigDict({'count': 4, 'policy': 'k_centre', 'ask': 10})
    return config
