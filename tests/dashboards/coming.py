"""A page of the metrics of ground truth, attributions and business, which no sidecar serves yet.

To be deleted with its use in test_dashboard_queries.py once sidecars do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

MODEL = {"model_name": "credit", "model_version": "3"}
WINDOWS = ("5m", "1h", "24h")
CLASSES = ("approve", "deny")
METRICS = ("accuracy", "precision", "recall", "f1")
BINS = ("0.5-0.6", "0.8-0.9")


def sample(name: str, value: float, **labels: str) -> str:
    spelt = (f'{label}="{text}"' for label, text in (MODEL | labels).items())
    return f"{name}{{{','.join(spelt)}}} {value}\n"


def counters(scrapes: int) -> Iterator[str]:
    for predicted in CLASSES:
        for actual in CLASSES:
            yield sample("model_outcomes_total", scrapes * 3, predicted=predicted, actual=actual)
        yield sample("model_business_sum", scrapes * 200, metric="amount", prediction_class=predicted)
        yield sample("model_business_count", scrapes * 2, metric="amount", prediction_class=predicted)
    for bound, count in (("60", 1), ("600", 2), ("3600", 3), ("+Inf", 3)):
        yield sample("model_ground_truth_delay_seconds_bucket", scrapes * count, le=bound)
    yield sample("model_concept_drift_detections_total", scrapes // 5)
    yield sample("model_business_total", scrapes, metric="refund")
    for result in ("joined", "expired", "orphaned", "repeated", "revised", "evicted"):
        yield f'prediction_exporter_joins_total{{result="{result}"}} {scrapes}\n'


FIGURES = (
    *("window_outcomes", "ground_truth_coverage", "accuracy", "log_loss", "brier_score", "expected_calibration_error"),
    *("mae", "rmse", "mape", "r2", "bias", "label_drift_psi"),
    *("estimated_accuracy", "estimated_auc", "attribution_ranking_ndcg"),
)
BY_CLASS = ("precision", "recall", "f1", "auc", "estimated_precision", "estimated_recall", "estimated_f1")
BY_METRIC = ("performance_drop", "performance_degraded", "estimated_stderr")
BY_FEATURE = ("mean_abs", "share", "rank", "drift_psi", "drift_psi_critical", "drift_psi_pvalue")
LIMITS = {"performance_tolerance": 0.05, "error_ratio": 0.05, "attribution_ranking_ndcg": 0.9, "missing_ratio": 0.1}


def gauges() -> Iterator[str]:
    for window in WINDOWS:
        yield from in_window(window)
    for metric in METRICS:
        yield sample("model_performance_baseline", 0.8, metric=metric)
    yield sample("model_concept_drift", 1)
    for metric, limit in LIMITS.items():
        yield sample("model_threshold", limit, metric=metric)
    for side in ("predictions", "truths"):
        yield f'prediction_exporter_joins_waiting{{side="{side}"}} 7\n'


def in_window(window: str) -> Iterator[str]:
    labels = [
        *((name, {}) for name in FIGURES),
        *((name, {"average": average}) for name in BY_CLASS for average in ("weighted", "macro")),
        *((name, {"class": of}) for name in BY_CLASS for of in CLASSES),
        *((name, {"metric": metric}) for name in BY_METRIC for metric in METRICS),
        *((f"reliability_{name}", {"bin": of}) for name in ("samples", "confidence", "accuracy") for of in BINS),
        *(("residual_quantile", {"quantile": quantile}) for quantile in ("0.05", "0.5", "0.95")),
        *((f"attribution_{name}", {"feature_name": of}) for name in BY_FEATURE for of in ("age", "country")),
    ]
    for name, more in labels:
        yield sample(f"model_{name}", 0.75, window=window, **more)


@contextmanager
def page() -> Iterator[str]:
    """Serve the page; yield its HOST:PORT. Counters grow from scrape to scrape."""
    scrapes = 0

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal scrapes
            scrapes += 1
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write("".join((*counters(scrapes), *gauges())).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
