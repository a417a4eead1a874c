"""Commands: train, evaluate, predict, compare. Run them with ``python -m``."""
