"""The Exporter dashboard: whether all data is read, and in time."""

from typing import Any

from dashboards import firing, metrics, sidecar_internals, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import Columns, coloured, column, joined, table
from dashboards.panels import row, stat, state_timeline, timeseries
from dashboards.promql import alerts, sidecar
from dashboards.promql.selection import highest, in_all, largest
from dashboards.queries import POD, SOURCE, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_REFUSED, RED, WELL, YELLOW, said

NO_SIDECAR = "No sidecar is scraped. Is the job correct, and configured in Prometheus?"
UP = said("DOWN", "up")
LOADED = said("FAILED", "loaded")
BEHIND = [(None, GREEN), (30.0, YELLOW), (120.0, RED)]
COLUMNS: Columns = {
    "Lines": lambda: sidecar.rates(metrics.SOURCE_LINES, sidecar.OF_SOURCE),
    "Records": lambda: sidecar.rates(metrics.SOURCE_RECORDS, sidecar.OF_SOURCE),
    "Rejected": sidecar.rejected_ratio,
    "Behind": lambda: sidecar.of_source(metrics.SOURCE_LAG_SECONDS),
    "Unread": lambda: sidecar.of_source(metrics.SOURCE_LAG_BYTES),
    "Last record": lambda: sidecar.age(metrics.SOURCE_LAST_RECORD, sidecar.OF_SOURCE),
    "Failing files": lambda: sidecar.of_source(metrics.SOURCE_FAILING_FILES),
}
LABELS = {"instance": "Instance", "source": "Source", "job": "Job"}


def dashboard() -> Dashboard:
    return Dashboard(
        "exporter",
        "Exporter",
        "The exporter's own health: whether the other dashboards show all data, and in time. Start here when a model "
        "has no data.",
        variables.OF_SIDECARS,
        (
            _now(),
            _alerts(),
            _pods(),
            _sources(),
            *sidecar_internals.rows(),
        ),
        of_models=False,
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Is everything read, and in time?",
        stat(
            "Sidecars down",
            "Sidecars that Prometheus cannot scrape, including those that return 503 because they cannot save their "
            "state. If it is not 0, see below which, then run `kubectl logs`.",
            over_time(sidecar.down(), "down"),
            "none",
            steps=ANY,
            empty="no response",
        ),
        stat(
            "Lines",
            "Lines read per second, over all sidecars. If there are none, the models log nothing, or logs are not "
            "mounted.",
            over_time(in_all(sidecar.rates(metrics.SOURCE_LINES)), "lines"),
            "cps",
            empty="no sidecars",
        ),
        stat(
            "Rejected lines",
            "Share of lines that are not valid records, for the source with most of them. See the reasons below.",
            now(highest(sidecar.rejected_ratio()), "rejected"),
            "percentunit",
            decimals=2,
            steps=[(None, GREEN), (0.001, YELLOW), (0.05, RED)],
            empty="no lines",
        ),
        stat(
            "Furthest behind",
            "How long the source that is furthest behind has had unread bytes. If it is minutes, the sidecar has too "
            "little CPU, or its folder stalls.",
            over_time(sidecar.greatest(metrics.SOURCE_LAG_SECONDS), "behind"),
            "s",
            steps=BEHIND,
            empty="no files",
        ),
        stat(
            "Configuration",
            "Whether the last reload of every sidecar's configuration succeeded. If it failed, the previous "
            "configuration stays in use; run `prediction-exporter check` to see the mistake.",
            over_time(sidecar.least(metrics.CONFIG_SUCCESSFUL), "configuration"),
            "none",
            steps=WELL,
            mappings=LOADED,
            empty="no sidecars",
        ),
        stat(
            "Files lost in the time range",
            "Files that were removed before they were read to the end. If it is not 0, records are missing; keep "
            "rotated logs for longer.",
            over_time(sidecar.lost_files(), "files"),
            "none",
            decimals=0,
            steps=ANY,
            empty="no response",
        ),
    )


def _alerts() -> Any:
    return row("Which alert fires?", firing.list_of_all(alerts.OF_SIDECARS, height=6))


def _pods() -> Any:
    return row(
        "Which sidecar, and since when?",
        state_timeline(
            "Scraped",
            "Green while Prometheus could scrape a sidecar, red while it could not, empty while the sidecar did not "
            "exist.",
            [over_time(sidecar.up(), POD)],
            "none",
            steps=WELL,
            mappings=UP,
            width=16,
            height=7,
            empty=NO_SIDECAR,
        ),
        table(
            "Builds",
            "Versions of the exporter and of Python, and the number of sidecars that run each. More than one row "
            "means a rollout in progress, or a sidecar that was not upgraded.",
            [as_rows(sidecar.versions())],
            transformations=joined({"version": "Version", "python": "Python"}, ["Sidecars"]),
            unit="none",
            width=8,
            height=7,
            empty=NO_SIDECAR,
        ),
    )


def _sources() -> Any:
    return row(
        "Sources",
        table(
            "Sources",
            "One row per source of each sidecar, those furthest behind first. `Last record` is the age of the newest "
            "record: if it is high and nothing is unread, the model has not written anything.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(LABELS, [*COLUMNS]),
            sort=("Behind", True),
            overrides=(
                column("Lines", unit="cps"),
                column("Records", unit="cps"),
                coloured("Rejected", [(None, GREEN), (0.001, YELLOW), (0.05, RED)], unit="percentunit", decimals=2),
                coloured("Behind", BEHIND, unit="s"),
                column("Unread", unit="bytes"),
                column("Last record", unit="s"),
                coloured("Failing files", ANY, decimals=0),
            ),
            height=8,
            empty="No sources.",
        ),
        timeseries(
            "Lines and records",
            "Lines and records read per second, for the ten busiest sources. Lines that are not valid records are "
            "rejected.",
            [
                over_time(largest(10, sidecar.rates(metrics.SOURCE_LINES, sidecar.OF_SOURCE)), f"lines · {SOURCE}"),
                over_time(largest(10, sidecar.rates(metrics.SOURCE_RECORDS, sidecar.OF_SOURCE)), f"records · {SOURCE}"),
            ],
            "cps",
            width=8,
        ),
        timeseries(
            "Rejected lines",
            "Lines per second that are not valid records, by reason. The sidecar's log contains examples with their "
            "positions.",
            [over_time(largest(10, sidecar.refused_by_reason()), "{{reason}} · {{source}}")],
            "cps",
            width=8,
            empty=NO_REFUSED,
        ),
        timeseries(
            "Labels above their limit",
            "Records per second whose label value counts as `other`, because there are too many values. If it is not "
            "0, raise `limits`, or look for an ID in a label.",
            [over_time(sidecar.rates(metrics.CAPPED_LABELS, "label"), "{{label}}")],
            "cps",
            width=8,
        ),
    )
