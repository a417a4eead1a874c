"""What surrounds the steps: checkpoints, metrics, progress, evaluation."""

from ssljax.train.evaluation import evaluator
from ssljax.train.sliding import by_windows, sliding

__all__ = ['by_windows', 'evaluator', 'sliding']
