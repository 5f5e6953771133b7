"""The exporter's own health: whether what the other dashboards show is all there is, and in time."""

from __future__ import annotations

from typing import Any

from dashboards import metrics, sidecar_internals, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import Columns, coloured, column, joined, table
from dashboards.panels import row, stat, state_timeline, timeseries
from dashboards.promql import sidecar
from dashboards.promql.selection import highest, in_all, largest
from dashboards.queries import POD, SOURCE, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_REFUSED, RED, WELL, YELLOW, said

NO_SIDECAR = "No sidecar is scraped. Is the job right, and Prometheus told of it?"
UP = said("DOWN", "up")
LOADED = said("FAILED", "loaded")
BEHIND = [(None, GREEN), (30.0, YELLOW), (120.0, RED)]
COLUMNS: Columns = {
    "Lines": lambda: sidecar.rates(metrics.SOURCE_LINES, sidecar.OF_SOURCE),
    "Records": lambda: sidecar.rates(metrics.SOURCE_RECORDS, sidecar.OF_SOURCE),
    "Refused": sidecar.rejected_ratio,
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
        "The exporter's own health: whether what the other dashboards show is all there is, and in time. Start here "
        "when a model has no data.",
        variables.OF_SIDECARS,
        (
            _now(),
            _pods(),
            _sources(),
            *sidecar_internals.rows(),
        ),
        of_models=False,
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Is all read, and in time?",
        stat(
            "Sidecars down",
            "Sidecars that Prometheus cannot scrape. Above 0: see which below, then `kubectl logs`. One that cannot "
            "save its state answers 503 and is down too.",
            over_time(sidecar.down(), "down"),
            "none",
            steps=ANY,
            empty="no answer",
        ),
        stat(
            "Lines",
            "Lines read a second, of all sidecars. None: the models log nothing, or logs are not mounted.",
            over_time(in_all(sidecar.rates(metrics.SOURCE_LINES)), "lines"),
            "cps",
            empty="no sidecars",
        ),
        stat(
            "Lines refused",
            "Share of lines that are no records, of the source with most. See the reasons below.",
            now(highest(sidecar.rejected_ratio()), "refused"),
            "percentunit",
            decimals=2,
            steps=[(None, GREEN), (0.001, YELLOW), (0.05, RED)],
            empty="no lines",
        ),
        stat(
            "Furthest behind",
            "For how long there have been bytes that are not read yet, of the source furthest behind. Minutes: too "
            "little CPU, or a folder that stalls.",
            over_time(sidecar.greatest(metrics.SOURCE_LAG_SECONDS), "behind"),
            "s",
            steps=BEHIND,
            empty="no files",
        ),
        stat(
            "Configuration",
            "Whether the last reload of each configuration succeeded. Failed: the old one is in use; "
            "`prediction-exporter check` says what is wrong.",
            over_time(sidecar.least(metrics.CONFIG_SUCCESSFUL), "configuration"),
            "none",
            steps=WELL,
            mappings=LOADED,
            empty="no sidecars",
        ),
        stat(
            "Lost in the time shown",
            "Files that were gone before they were read to their end. Above 0: records are missing; keep rotated logs "
            "for longer.",
            over_time(sidecar.lost_files(), "files"),
            "none",
            decimals=0,
            steps=ANY,
            empty="no answer",
        ),
    )


def _pods() -> Any:
    return row(
        "Which sidecar, and since when?",
        state_timeline(
            "Scraped",
            "Green while Prometheus could scrape a sidecar, red while it could not; nothing where it was not there.",
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
            "Versions of the exporter and of Python, and how many sidecars run each. More than one row: a rollout, or "
            "one that was forgotten.",
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
            "A row for each source of each sidecar, those furthest behind first. `Last record` is how old the newest "
            "record is: old, with nothing unread, means that the model has written nothing.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(LABELS, [*COLUMNS]),
            sort=("Behind", True),
            overrides=(
                column("Lines", unit="cps"),
                column("Records", unit="cps"),
                coloured("Refused", [(None, GREEN), (0.001, YELLOW), (0.05, RED)], unit="percentunit", decimals=2),
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
            "Lines and records read a second, the ten busiest sources. Lines without records are refused.",
            [
                over_time(largest(10, sidecar.rates(metrics.SOURCE_LINES, sidecar.OF_SOURCE)), f"lines · {SOURCE}"),
                over_time(largest(10, sidecar.rates(metrics.SOURCE_RECORDS, sidecar.OF_SOURCE)), f"records · {SOURCE}"),
            ],
            "cps",
            width=8,
        ),
        timeseries(
            "Refused lines",
            "Lines a second that are no records, by reason. The sidecar's log has samples by place.",
            [over_time(largest(10, sidecar.refused_by_reason()), "{{reason}} · {{source}}")],
            "cps",
            width=8,
            empty=NO_REFUSED,
        ),
        timeseries(
            "Labels past their limit",
            "Records a second whose label was put under `other`, for there were too many. Above 0: raise `limits`, or "
            "look for an id in a label.",
            [over_time(sidecar.rates(metrics.CAPPED_LABELS, "label"), "{{label}}")],
            "cps",
            width=8,
        ),
    )
