"""What surrounds the steps: checkpoints, metrics, progress, evaluation."""

from ssljax.train.evaluation import evaluator

__all__ = ['evaluator']
