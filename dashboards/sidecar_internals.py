"""Rows of the exporter's dashboard: what is behind, the state, connections, and the process."""

from collections.abc import Sequence
from typing import Any

from dashboards import metrics
from dashboards.panels import row, timeseries
from dashboards.promql import sidecar
from dashboards.promql.selection import largest, smallest
from dashboards.queries import POD, SOURCE, over_time

STEADY = "Nothing to show: no source of this kind."


def rows() -> Sequence[Any]:
    return (_lag(), _commits(), _network(), _process())


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
            [over_time(smallest(10, sidecar.age(metrics.PROCESS_START)), POD)],
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
            [over_time(smallest(10, sidecar.gauge(metrics.WEB_CONFIG_SUCCESSFUL)), POD)],
            "none",
            decimals=0,
            most=1,
            stepped=True,
            width=8,
        ),
        folded=True,
    )
