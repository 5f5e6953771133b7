"""Rows of the Exporter dashboard: lag, state, connections and process."""

from collections.abc import Sequence
from typing import Any

from dashboards import metrics
from dashboards.panels import row, timeseries
from dashboards.promql import sidecar
from dashboards.promql.selection import largest, smallest
from dashboards.queries import POD, SOURCE, over_time

STEADY = "No source of this kind."


def rows() -> Sequence[Any]:
    return (_lag(), _commits(), _network(), _process())


def _lag() -> Any:
    return row(
        "Lag",
        timeseries(
            "Unread bytes",
            "Bytes that have been written but not yet read, for the ten sources with most. If it keeps rising, the "
            "sidecar is too slow.",
            [over_time(largest(10, sidecar.of_source(metrics.SOURCE_LAG_BYTES)), SOURCE)],
            "bytes",
            width=8,
            empty=STEADY,
        ),
        timeseries(
            "Bytes read",
            "Bytes read per second, for the ten busiest sources. It shows the load of each sidecar.",
            [over_time(largest(10, sidecar.rates(metrics.SOURCE_BYTES, sidecar.OF_SOURCE)), SOURCE)],
            "Bps",
            width=8,
        ),
        timeseries(
            "Files",
            "Files that are open, files that cannot be read, and rotations. If files are failing, check permissions "
            "and mounts.",
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
            "Commits of the state per second, by result. If they fail, the disk of `state_dir` is full or missing; "
            "scrapes return 503 until commits succeed.",
            [over_time(sidecar.rates(metrics.COMMITS, "result"), "{{result}}")],
            "cps",
            width=6,
        ),
        timeseries(
            "Slowest commits and scrapes",
            "p99 duration of commits and of rendering a scrape, for the slowest sidecars. If it is near the scrape "
            "timeout, reduce features or windows.",
            [
                over_time(largest(5, sidecar.duration(metrics.COMMIT_SECONDS, 0.99)), f"commit · {POD}"),
                over_time(largest(5, sidecar.duration(metrics.RENDER_SECONDS, 0.99)), f"render · {POD}"),
            ],
            "s",
            width=6,
        ),
        timeseries(
            "Age of the checkpoint",
            "Time since the state was last saved, from which the sidecar resumes after a crash. Above one minute, "
            "commits are failing.",
            [over_time(largest(10, sidecar.age(metrics.CHECKPOINT_TIMESTAMP)), POD)],
            "s",
            width=6,
        ),
        timeseries(
            "Checkpoint size",
            "Size of the checkpoint. It grows with models, features and windows, but not with traffic.",
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
            "Open connections to the address of /metrics and to sources. Near 512 (for /metrics) or `connections` "
            "(for sources), look for clients that do not close theirs.",
            [
                over_time(largest(10, sidecar.gauge(metrics.HTTP_OPEN_CONNECTIONS)), f"/metrics · {POD}"),
                over_time(largest(10, sidecar.of_source(metrics.SOURCE_OPEN_CONNECTIONS)), SOURCE),
            ],
            "none",
            width=8,
        ),
        timeseries(
            "Closed connections and lost datagrams",
            "Connections closed by the exporter and datagrams lost, per second, by reason. If datagrams are lost in "
            "the kernel, raise the receive buffer.",
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
            "Waiting for ground truth",
            "Predictions and ground-truth records that wait for each other; at the limit, the oldest are evicted. If "
            "the number keeps rising, IDs may not match.",
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
            "Resident memory, for the ten largest. Expect about 100 MiB with 20 features and about 220 MiB with 500.",
            [over_time(largest(10, sidecar.gauge(metrics.PROCESS_MEMORY)), POD)],
            "bytes",
            width=8,
        ),
        timeseries(
            "CPU",
            "CPU time per second, for the ten busiest; 1 is a whole core. Near the container's limit, the sidecar "
            "falls behind.",
            [over_time(largest(10, sidecar.rates(metrics.PROCESS_CPU)), POD)],
            "short",
            width=8,
        ),
        timeseries(
            "Uptime",
            "Time since each sidecar was started, for the ten youngest. A sawtooth is a crash loop; see the sidecar's "
            "log.",
            [over_time(smallest(10, sidecar.age(metrics.PROCESS_START)), POD)],
            "s",
            width=8,
        ),
        timeseries(
            "Restarts",
            "Restarts of each sidecar, for the ten with most. Without a rollout, it ran out of memory or crashed; see "
            "its log and `kubectl describe`.",
            [over_time(largest(10, sidecar.restarts()), POD)],
            "none",
            decimals=0,
            width=8,
        ),
        timeseries(
            "Open files",
            "Open file descriptors, for the ten with most. If the number keeps rising, there is a leak: restart the "
            "sidecar and report a bug.",
            [over_time(largest(10, sidecar.gauge(metrics.PROCESS_FILES)), POD)],
            "none",
            width=8,
        ),
        timeseries(
            "Web configuration",
            "1 while the latest web configuration (TLS, passwords) is in use, 0 after a reload of an invalid one.",
            [over_time(smallest(10, sidecar.gauge(metrics.WEB_CONFIG_SUCCESSFUL)), POD)],
            "none",
            decimals=0,
            most=1,
            stepped=True,
            width=8,
        ),
        folded=True,
    )
