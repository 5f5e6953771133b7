"""A demo of the exporter with a real model: `make demo`, or `python -m deploy.demo`.

A scikit-learn classifier is served over HTTP and logs its predictions. The exporter reads that log as it would in
production, and Prometheus and Alertmanager, if installed, run the shipped alerts. Incidents show what each alert
detects.

The demo uses the exporter as its users do: through its command line, its configuration and its HTTP API.
"""

import asyncio
import signal
from collections.abc import Callable


class DemoError(Exception):
    """The demo cannot continue; the message is one line with the reason."""


def on_signal(action: Callable[[], object]) -> None:
    """From now on, call `action` when a signal such as that of Ctrl-C asks the demo to stop."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, action)
