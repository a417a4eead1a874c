"""Optical flow without labels (ARFlow, Liu et al. 2020) on generated clips.

A tracker for TSAL. It answers no landmarks, so nothing is scored;
experiments/benchmarks/trackers.py measures its flow against the known one.

    python -m experiments.train --config=experiments/configs/clips/unsupervised_flow.py

Time: not measured.
Score: none.
"""

from experiments.configs.clips.common import clips


def get_config():
    """Returns the configuration."""
    config = clips('unsupervised_flow', noise=8.0)  # of the drawn frames
    config.networks = {'network': {'name': 'flow_cnn'}}
    config.batch_size = 8
    config.steps = 600
    config.optimizer.lr = 2e-3
    return config
