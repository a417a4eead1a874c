"""Runs, and the programs that are written over them."""

from ssljax.programs.fit import Interrupted, NonFiniteLoss
from ssljax.programs.run import Run
from ssljax.programs.single import Trained, single

__all__ = ['Interrupted', 'NonFiniteLoss', 'Run', 'Trained', 'single']
