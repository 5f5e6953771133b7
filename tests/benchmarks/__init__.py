"""Measured figures, each compared with another program or a stated limit: `python -m tests.benchmarks --help`."""
