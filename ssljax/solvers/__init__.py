"""Solvers: known answers to small problems, of arrays, with fixed iterations."""

from ssljax.solvers.k_centre import k_centre

__all__ = ['k_centre']
