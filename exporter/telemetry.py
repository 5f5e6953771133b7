"""What this process says of itself: ordinary prometheus_client objects, which start at zero with it."""

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from exporter import __version__

PREFIX = "prediction_exporter_"


class Telemetry:
    """The metrics of one running sidecar, in a registry of their own."""

    def __init__(self) -> None:
        # Prometheus does not use the `_created` series, and they double a counter.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the client library's own gap
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build_info = Gauge(PREFIX + "build_info", "This build.", ["version", "python"], registry=registry)
        build_info.labels(__version__, platform.python_version()).set(1)
        self.registry = registry
        self.config_successful = Gauge(
            PREFIX + "config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded.",
            registry=registry,
        )
        self.config_timestamp = Gauge(
            PREFIX + "config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded, since epoch.",
            registry=registry,
        )
        self.web_config_successful = Gauge(
            PREFIX + "web_config_last_reload_successful",
            "Whether the last attempt to load the web configuration and its certificates succeeded.",
            registry=registry,
        )
        self.web_config_successful.set(1)
        self.commits = Counter(PREFIX + "commits_total", "Commits of the state.", ["result"], registry=registry)
        for result in ("success", "failure"):
            self.commits.labels(result)
        self.commit_seconds = Histogram(
            PREFIX + "commit_duration_seconds",
            "How long a commit took.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
            registry=registry,
        )
        self.render_seconds = Histogram(
            PREFIX + "render_duration_seconds",
            "How long it took to derive and write the metrics.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
            registry=registry,
        )
        self.committed_timestamp = Gauge(
            PREFIX + "checkpoint_timestamp_seconds",
            "When the state was last committed, since epoch.",
            registry=registry,
        )
        self.checkpoint_bytes = Gauge(PREFIX + "checkpoint_bytes", "Size of the checkpoint.", registry=registry)
        self.recoveries = Counter(
            PREFIX + "checkpoint_recoveries_total",
            "Starts, by the generation of the checkpoint that was found.",
            ["generation"],
            registry=registry,
        )
        for generation in ("current", "previous", "none"):
            self.recoveries.labels(generation)
        self.http_open_connections = Gauge(
            PREFIX + "http_open_connections", "Connections to the address of /metrics that are open.", registry=registry
        )
        self.http_refused_connections = Counter(
            PREFIX + "http_refused_connections_total",
            "Connections to the address of /metrics that were ended by us, by why.",
            ["reason"],
            registry=registry,
        )
        for reason in ("limit", "slow"):
            self.http_refused_connections.labels(reason)
        self.open_files = self._by_source("source_open_files", "Files being read.")
        self.lag_bytes = self._by_source("source_lag_bytes", "Bytes written and not read yet.")
        self.lag_seconds = self._by_source(
            "source_lag_seconds", "For how long there have been bytes that are not read yet."
        )
        self.rotations = self._count("source_rotations_total", "Files that took another's place, by how.", "kind")
        self.gaps = self._count("source_gaps_total", "Files that were gone before they were read to their end.")
        self.failing_files = self._by_source("source_failing_files", "Files that cannot be opened or read.")
        self.errors = self._count("source_errors_total", "Polls of a database that failed.")
        self.open_connections = self._by_source("source_open_connections", "Connections that are open.")
        self.connections = self._count("source_connections_total", "Connections that were made.")
        self.refused_connections = self._count(
            "source_refused_connections_total", "Connections that were ended by us, by why.", "reason"
        )
        self.requests = self._count("source_requests_total", "Requests answered, by status code.", "code")
        self.datagrams = self._count("source_datagrams_total", "Datagrams received.")
        self.dropped_datagrams = self._count(
            "source_dropped_datagrams_total", "Datagrams that were lost here, by where.", "where"
        )

    def _count(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, ["source", *labels], registry=self.registry)

    def _by_source(self, name: str, text: str) -> Gauge:
        return Gauge(PREFIX + name, text, ["source"], registry=self.registry)
