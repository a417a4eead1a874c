"""Experiments on generated dots: counting."""
