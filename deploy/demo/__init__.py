"""The exporter, tried out on a real model: `make demo`, or `python -m deploy.demo`.

A scikit-learn classifier is served over HTTP and logs its predictions. The exporter reads that log as it would in
production, and Prometheus and Alertmanager, if installed, run the shipped alerts. Incidents show what each detects.

The demo uses the exporter as its users do: through its command line, its configuration and its HTTP API.
"""


class DemoError(Exception):
    """The demo cannot continue; the message is one line that says why."""
