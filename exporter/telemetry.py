"""Metrics of the process itself: ordinary prometheus_client objects, which start at zero with the process."""

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from exporter import __version__

PREFIX = "prediction_exporter_"


class Telemetry:
    """The metrics of one running sidecar, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build_info = Gauge(PREFIX + "build_info", "This build.", ["version", "python"], registry=registry)
        build_info.labels(__version__, platform.python_version()).set(1)
        self.registry = registry
        self.config_successful = Gauge(
            PREFIX + "config_last_reload_successful",
            "Whether the last load of the configuration succeeded.",
            registry=registry,
        )
        self.config_timestamp = Gauge(
            PREFIX + "config_last_reload_success_timestamp_seconds",
            "Time of the last successful load of the configuration, in seconds since epoch.",
            registry=registry,
        )
        self.web_config_successful = Gauge(
            PREFIX + "web_config_last_reload_successful",
            "Whether the last load of the web configuration and its certificates succeeded.",
            registry=registry,
        )
        self.web_config_successful.set(1)
        self.commits = Counter(
            PREFIX + "commits_total", "Commits of the state, by result.", ["result"], registry=registry
        )
        for result in ("success", "failure"):
            self.commits.labels(result)
        self.commit_seconds = Histogram(
            PREFIX + "commit_duration_seconds",
            "Duration of commits.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
            registry=registry,
        )
        self.render_seconds = Histogram(
            PREFIX + "render_duration_seconds",
            "Duration of deriving and writing the metrics of a scrape.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
            registry=registry,
        )
        self.committed_timestamp = Gauge(
            PREFIX + "checkpoint_timestamp_seconds",
            "Time of the last commit, in seconds since epoch.",
            registry=registry,
        )
        self.checkpoint_bytes = Gauge(PREFIX + "checkpoint_bytes", "Size of the checkpoint.", registry=registry)
        self.recoveries = Counter(
            PREFIX + "checkpoint_recoveries_total",
            "Starts, by the generation of the checkpoint that was restored.",
            ["generation"],
            registry=registry,
        )
        for generation in ("current", "previous", "none"):
            self.recoveries.labels(generation)
        self.http_open_connections = Gauge(
            PREFIX + "http_open_connections", "Open HTTP connections.", registry=registry
        )
        self.http_refused_connections = Counter(
            PREFIX + "http_refused_connections_total",
            "HTTP connections closed by the exporter, by reason.",
            ["reason"],
            registry=registry,
        )
        for reason in ("limit", "slow"):
            self.http_refused_connections.labels(reason)
        self.open_files = self._by_source("source_open_files", "Open log files.")
        self.closed_files = self._by_source(
            "source_closed_files",
            "Log files that are known and closed, because the process may not open more; they are read in turn.",
        )
        self.lag_bytes = self._by_source("source_lag_bytes", "Bytes in log files that have not been read yet.")
        self.lag_seconds = self._by_source("source_lag_seconds", "Time for which a log file has had unread bytes.")
        self.rotations = self._count("source_rotations_total", "Log rotations detected, by kind.", "kind")
        self.failing_files = self._by_source("source_failing_files", "Files that cannot be opened or read.")
        self.errors = self._count("source_errors_total", "Failed database polls.")
        self.open_connections = self._by_source("source_open_connections", "Open connections.")
        self.connections = self._count("source_connections_total", "Connections accepted.")
        self.refused_connections = self._count(
            "source_refused_connections_total", "Connections closed by the exporter, by reason.", "reason"
        )
        self.requests = self._count("source_requests_total", "HTTP requests, by status code.", "code")
        self.datagrams = self._count("source_datagrams_total", "Datagrams received.")
        self.dropped_datagrams = self._count(
            "source_dropped_datagrams_total", "Datagrams dropped on this host, by stage.", "where"
        )

    def _count(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, ["source", *labels], registry=self.registry)

    def _by_source(self, name: str, text: str) -> Gauge:
        return Gauge(PREFIX + name, text, ["source"], registry=self.registry)
