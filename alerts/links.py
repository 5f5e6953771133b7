"""The URLs that alerts and dashboards link to: Grafana and the runbooks."""

import re

import click

# The URLs in alerts/*.yaml, without a slash at the end.
GRAFANA = "http://localhost:3000"
RUNBOOKS = "https://github.com/prediction-exporter/prediction-exporter/blob/main/alerts/runbooks"


def address(_context: click.Context, _option: click.Parameter, url: str) -> str:
    """Return an option's http or https URL without a slash at its end. Raises click.BadParameter."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", url):
        raise click.BadParameter(f"{url!r} is not a URL; expected https://HOST/PATH")
    return url.rstrip("/")
