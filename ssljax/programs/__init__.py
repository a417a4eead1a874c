"""Runs, and the programs that are written over them."""

from ssljax.programs.fit import Interrupted, NonFiniteLoss
from ssljax.programs.run import Run

__all__ = ['Interrupted', 'NonFiniteLoss', 'Run']
