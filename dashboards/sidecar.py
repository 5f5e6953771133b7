"""The exporter's own health: whether what the other dashboards show is all there is, and in time."""

from __future__ import annotations

from typing import Any

from dashboards import metrics, variables
from dashboards.assembly import Dashboard
from dashboards.columns import Columns, coloured, column, joined
from dashboards.panels import ANY, GREEN, RED, WELL, YELLOW, row, stat, state_timeline, table, timeseries
from dashboards.promql import sidecar
from dashboards.promql.selection import largest
from dashboards.queries import over_time, rows

POD = "{{instance}}"
SOURCE = "{{source}} · {{instance}}"
NO_SIDECAR = "No sidecar is scraped. Is the job right, and Prometheus told of it?"
STEADY = "Nothing to show: no source of this kind."
UP = [{"type": "value", "options": {"0": {"text": "DOWN", "index": 0}, "1": {"text": "up", "index": 1}}}]
LOADED = [{"type": "value", "options": {"0": {"text": "FAILED", "index": 0}, "1": {"text": "loaded", "index": 1}}}]
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
        (_now(), _pods(), _sources(), _lag(), _commits(), _network(), _process()),
        of_models=False,
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
        ),
        stat(
            "Lines",
            "Lines read a second, of all sidecars. None: the models log nothing, or logs are not mounted.",
            over_time(f"sum({sidecar.rates(metrics.SOURCE_LINES)})", "lines"),
            "cps",
        ),
        stat(
            "Lines refused",
            "Share of lines that are no records, of the source with most. See the reasons below.",
            over_time(f"max({sidecar.rejected_ratio()})", "refused"),
            "percentunit",
            decimals=2,
            steps=[(None, GREEN), (0.001, YELLOW), (0.05, RED)],
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
        ),
        stat(
            "Lost in the time shown",
            "Files that were gone before they were read to their end. Above 0: records are missing; keep rotated logs "
            "for longer.",
            over_time(f"{sidecar.counted_in_all(metrics.SOURCE_GAPS)} or vector(0)", "files"),
            "none",
            decimals=0,
            steps=ANY,
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
            [rows(sidecar.versions())],
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
            [rows(of()) for of in COLUMNS.values()],
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
            [over_time(largest(10, sidecar.rates(metrics.SOURCE_REJECTED, "reason")), "{{reason}}")],
            "cps",
            width=8,
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


def _lag() -> Any:
    return row(
        "Behind",
        timeseries(
            "Unread bytes",
            "Bytes that are written and not read yet, the ten sources with most. A ramp: the sidecar is too slow.",
            [over_time(largest(10, sidecar.of_source(metrics.SOURCE_LAG_BYTES)), SOURCE)],
            "bytes",
            width=8,
            empty=STEADY,
        ),
        timeseries(
            "Bytes read",
            "Bytes read a second, the ten busiest sources: what a sidecar has to do.",
            [over_time(largest(10, sidecar.rates(metrics.SOURCE_BYTES, sidecar.OF_SOURCE)), SOURCE)],
            "Bps",
            width=8,
        ),
        timeseries(
            "Files",
            "Files that are open, that cannot be read, and that took another's place. Failing: permissions, or a log "
            "that is not mounted.",
            [
                over_time(largest(10, sidecar.of_source(metrics.SOURCE_OPEN_FILES)), f"open · {SOURCE}"),
                over_time(largest(10, sidecar.of_source(metrics.SOURCE_FAILING_FILES)), f"failing · {SOURCE}"),
                over_time(
                    largest(10, sidecar.counted(metrics.SOURCE_ROTATIONS, sidecar.OF_SOURCE)), f"rotations · {SOURCE}"
                ),
            ],
            "none",
            decimals=0,
            width=8,
            empty=STEADY,
        ),
    )


def _commits() -> Any:
    return row(
        "State",
        timeseries(
            "Commits",
            "Commits of the state a second, by result. Failures: the disk of `state_dir` is full or gone; scrapes "
            "are answered with 503 until it is back.",
            [over_time(sidecar.rates(metrics.COMMITS, "result"), "{{result}}")],
            "cps",
            width=6,
        ),
        timeseries(
            "Slowest commits and scrapes",
            "99 of 100 commits of the state, and of scrapes' rendering, are faster, the slowest sidecars. Near the "
            "scrape's timeout: fewer features or windows.",
            [
                over_time(largest(5, sidecar.duration(metrics.COMMIT_SECONDS, 0.99)), f"commit · {POD}"),
                over_time(largest(5, sidecar.duration(metrics.RENDER_SECONDS, 0.99)), f"render · {POD}"),
            ],
            "s",
            width=6,
        ),
        timeseries(
            "Age of the checkpoint",
            "How long ago the state was saved; what a crash would have to read again. Above a minute: commits fail.",
            [over_time(largest(10, sidecar.age(metrics.CHECKPOINT_TIMESTAMP)), POD)],
            "s",
            width=6,
        ),
        timeseries(
            "Checkpoint",
            "Size of the checkpoint. It grows with models, features and windows, and not with traffic.",
            [over_time(largest(10, sidecar.gauge(metrics.CHECKPOINT_BYTES)), POD)],
            "bytes",
            width=6,
        ),
    )


def _network() -> Any:
    return row(
        "Connections and joins",
        timeseries(
            "Connections",
            "Open connections: to the address of /metrics, and to sources. Near 512 or `connections`: clients that do "
            "not hang up.",
            [
                over_time(largest(10, sidecar.gauge(metrics.HTTP_OPEN_CONNECTIONS)), f"/metrics · {POD}"),
                over_time(largest(10, sidecar.of_source(metrics.SOURCE_OPEN_CONNECTIONS)), SOURCE),
            ],
            "none",
            width=8,
        ),
        timeseries(
            "Refused",
            "Connections that were refused and datagrams that were lost, a second, by reason. Lost in the kernel: "
            "raise the receive buffer.",
            [
                over_time(sidecar.rates(metrics.HTTP_REFUSED_CONNECTIONS, "reason"), "/metrics: {{reason}}"),
                over_time(
                    sidecar.rates(metrics.SOURCE_REFUSED_CONNECTIONS, "source, reason"), "{{source}}: {{reason}}"
                ),
                over_time(sidecar.rates(metrics.SOURCE_DROPPED_DATAGRAMS, "source, where"), "{{source}}: {{where}}"),
            ],
            "cps",
            width=8,
        ),
        timeseries(
            "Waiting for the truth",
            "Predictions and truths that wait for each other. Growing without end: ids do not match; it is bounded, "
            "and the oldest are evicted.",
            [over_time(sidecar.joins_waiting(), "{{side}}")],
            "short",
            width=8,
            empty="`ground_truth` is not configured.",
        ),
        folded=True,
    )


def _process() -> Any:
    return row(
        "Process",
        timeseries(
            "Memory",
            "Resident memory, the ten largest. About 85 MiB; with hundreds of features 200.",
            [over_time(largest(10, sidecar.gauge(metrics.PROCESS_MEMORY)), POD)],
            "bytes",
            width=8,
        ),
        timeseries(
            "CPU",
            "CPU seconds a second, the ten busiest: 1 is a core. Near the container's limit the sidecar falls behind.",
            [over_time(largest(10, sidecar.rates(metrics.PROCESS_CPU)), POD)],
            "short",
            width=8,
        ),
        timeseries(
            "Uptime",
            "How long each sidecar has run, the ten youngest. A saw is a crash loop: see its log.",
            [over_time(f"bottomk(10, {sidecar.age(metrics.PROCESS_START)})", POD)],
            "s",
            width=8,
        ),
        timeseries(
            "Restarts",
            "How often each sidecar was started anew, the ten with most. Above 0 without a rollout: out of memory, or "
            "a crash; its log and `kubectl describe` say which.",
            [over_time(largest(10, sidecar.restarts()), POD)],
            "none",
            decimals=0,
            width=8,
        ),
        timeseries(
            "Open files",
            "File descriptors, the ten with most. A ramp without end is a leak: restart, and tell us.",
            [over_time(largest(10, sidecar.gauge(metrics.PROCESS_FILES)), POD)],
            "none",
            width=8,
        ),
        timeseries(
            "Web configuration",
            "1 while the web configuration (TLS, passwords) that was last read is in use, 0 after one that is broken.",
            [over_time(f"bottomk(10, {sidecar.gauge(metrics.WEB_CONFIG_SUCCESSFUL)})", POD)],
            "none",
            decimals=0,
            most=1,
            stepped=True,
            width=8,
        ),
        folded=True,
    )
