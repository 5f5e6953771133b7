"""Measured figures, each compared with another program or a stated limit: `python -m tests.benchmarks --help`."""

import os

# As the command `prediction-exporter` does, before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
