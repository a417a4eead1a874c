"""Configurations: one file, one experiment; its docstring says what to expect."""
