"""prediction-exporter: a sidecar that turns a model's prediction log into Prometheus metrics.

ARCHITECTURE.md, beside this file, describes the packages and the way of a record through them.
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Return `report` of exporter.reporting, which is only loaded for it."""
    if name != "report":
        raise AttributeError(f"module 'exporter' has no attribute {name!r}")
    from exporter.reporting import report  # noqa: PLC0415

    return report
