"""Where the links of alerts and dashboards lead: to Grafana and to the runbooks."""

from __future__ import annotations

import re

import click

# The addresses in alerts/*.yaml; no slash at the end.
GRAFANA = "http://localhost:3000"
RUNBOOKS = "https://github.com/prediction-exporter/prediction-exporter/blob/main/alerts/runbooks"


def address(_context: click.Context, _option: click.Parameter, url: str) -> str:
    """Return an option's http or https URL without a slash at its end. Raises click.BadParameter."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", url):
        raise click.BadParameter(f"{url!r} is no address; expected is https://HOST/PATH")
    return url.rstrip("/")
