"""Experiments on generated people of sticks, in two domains."""
