"""prediction-exporter: a sidecar that turns a model's prediction log into Prometheus metrics.

ARCHITECTURE.md, beside this file, describes the packages and the way of a record through them.
"""

__version__ = "0.1.0"
