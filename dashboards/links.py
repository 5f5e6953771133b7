"""Ways from one dashboard to another, which keep what was chosen and the time."""

from collections.abc import Mapping
from typing import Any

from grafanalib import core

TAG = "prediction-exporter"
# Grafana's own list of rules and what fires, Prometheus's among them.
ALERTS = {"title": "Alert rules", "url": "/alerting/list", "targetBlank": False}


def uid(name: str) -> str:
    return f"{TAG}-{name}"


def to_all() -> Any:
    """Return a list of all dashboards, beside the variables."""
    return core.DashboardLink(
        title="Dashboards", tags=[TAG], asDropdown=False, includeVars=True, keepTime=True, type="dashboards"
    )


def of_series(title: str, name: str, *labels: str, **variables: str) -> dict[str, Any]:
    """Return a link of a line or a bar to the dashboard `name`, about what its labels say; variables by label too."""
    chosen = {label: label for label in labels} | variables
    values = {variable: f"${{__field.labels.{label}:percentencode}}" for variable, label in chosen.items()}
    return {"title": title, "url": _url(name, values), "targetBlank": False}


def of_row(title: str, name: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return a link of a table's row, about what its columns say: variables to columns' titles."""
    values = {variable: f'${{__data.fields["{column}"]:percentencode}}' for variable, column in columns.items()}
    return {"title": title, "url": _url(name, values), "targetBlank": False}


def to(title: str, name: str) -> dict[str, Any]:
    """Return a link of a panel to the dashboard `name`, about the models that are chosen."""
    chosen = ("model_name", "model_version")
    url = "&".join([_url(name, {}), *(f"${{{variable}:queryparam}}" for variable in chosen)])
    return {"title": title, "url": url, "targetBlank": False}


def _url(name: str, values: Mapping[str, str]) -> str:
    kept = [f"${{{variable}:queryparam}}" for variable in ("datasource", "job", "instance", "window")]
    return f"/d/{uid(name)}?" + "&".join(
        [*kept, "${__url_time_range}", *(f"var-{variable}={value}" for variable, value in values.items())]
    )
