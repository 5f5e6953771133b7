"""The panels of firing alerts: how many there are, and which, by severity and since when."""

from typing import Any

from dashboards.columns import OF_VERSION, VERSION_LABELS, column, joined, table
from dashboards.links import ALERTS, of_row
from dashboards.panels import stat
from dashboards.promql import alerts
from dashboards.queries import as_rows, over_time
from dashboards.style import ANY, NOTHING, override

SEVERITIES = {"critical": "red", "warning": "orange", "info": "blue"}
LABELS = {"alertname": "Alert", "severity": "Severity", "cluster": "Cluster", "namespace": "Namespace"}


def count(which: str, *, width: int = 4) -> Any:
    """Return the number of firing alerts; `which` is a selector of `promql.alerts`."""
    return stat(
        "Alerts firing",
        "Alerts that are firing, including those on a whole model or on sidecars. The table of firing alerts shows "
        "which they are, and since when.",
        over_time(alerts.count(which), "firing"),
        "none",
        steps=ANY,
        width=width,
        links=[ALERTS],
        empty="no response",
    )


def list_of_all(which: str, *, width: int = 24, height: int = 9) -> Any:
    """Return the table of firing alerts."""
    of_models = which == alerts.OF_MODELS
    colours = {name: {"color": colour, "index": index} for index, (name, colour) in enumerate(SEVERITIES.items())}
    return table(
        "Firing alerts",
        "Alerts that are firing, critical ones first. `Since` is when the condition began to hold, which is before the "
        "alert fired. Click an alert to see its rule, which links to the runbook.",
        [as_rows(alerts.since(which))],
        transformations=joined(LABELS | VERSION_LABELS if of_models else LABELS, ["Since"]),
        sort=("Severity", False),
        overrides=(
            column(
                "Severity",
                mappings=[NOTHING, {"type": "value", "options": colours}],
                custom__cellOptions={"type": "color-background", "mode": "basic"},
            ),
            column("Since", unit="dateTimeFromNow"),
            # An alert on a whole model has no version.
            override("byRegexp", "/^(Model|Version|Cluster|Namespace)$/", noValue="-"),
            column(
                "Alert",
                custom__width=260,
                links=[
                    {
                        "title": "The rule",
                        "url": '/alerting/list?search=rule:${__data.fields["Alert"]:percentencode}',
                        "targetBlank": False,
                    }
                ],
            ),
            *([column("Model", links=[of_row("Open this model", "model", OF_VERSION)])] if of_models else []),
        ),
        unit="none",
        width=width,
        height=height,
        empty="No alert is firing. Without the rules in alerts/, none can fire.",
    )
