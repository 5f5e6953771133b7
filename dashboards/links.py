"""Links from one dashboard to another, which keep the selection and the time range."""

from collections.abc import Mapping
from typing import Any

from grafanalib import core

TAG = "prediction-exporter"
# Grafana's own list of alert rules, which includes those of Prometheus.
ALERTS = {"title": "Alert rules", "url": "/alerting/list", "targetBlank": False}


def uid(name: str) -> str:
    return f"{TAG}-{name}"


def to_all() -> Any:
    """Return the list of links to all dashboards, next to the variables."""
    return core.DashboardLink(
        title="Dashboards", tags=[TAG], asDropdown=False, includeVars=True, keepTime=True, type="dashboards"
    )


def of_series(title: str, name: str, *labels: str, **variables: str) -> dict[str, Any]:
    """Return a link from a series to the dashboard `name`, whose variables are set from the labels of the series.

    `labels` set variables of the same name; `variables` are the labels that set other variables.
    """
    chosen = {label: label for label in labels} | variables
    values = {variable: f"${{__field.labels.{label}:percentencode}}" for variable, label in chosen.items()}
    return {"title": title, "url": _url(name, values), "targetBlank": False}


def of_row(title: str, name: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return a link from a table's row to the dashboard `name`; `columns` are the columns' titles by variable."""
    values = {variable: f'${{__data.fields["{column}"]:percentencode}}' for variable, column in columns.items()}
    return {"title": title, "url": _url(name, values), "targetBlank": False}


def to(title: str, name: str) -> dict[str, Any]:
    """Return a link from a panel to the dashboard `name` for the chosen models."""
    chosen = ("model_name", "model_version")
    url = "&".join([_url(name, {}), *(f"${{{variable}:queryparam}}" for variable in chosen)])
    return {"title": title, "url": url, "targetBlank": False}


def _url(name: str, values: Mapping[str, str]) -> str:
    kept = [
        f"${{{variable}:queryparam}}"
        for variable in ("datasource", "cluster", "namespace", "job", "instance", "window")
    ]
    return f"/d/{uid(name)}?" + "&".join(
        [*kept, "${__url_time_range}", *(f"var-{variable}={value}" for variable, value in values.items())]
    )
