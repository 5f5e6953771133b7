"""Outcomes in windows: by the time of the prediction, with the last label until it is settled, unless it is late."""

from collections.abc import Sequence
from typing import Any

import pytest

from exporter.assembly import planning
from exporter.configuration.models import LoadedModel
from exporter.configuration.settings import Config, GroundTruthConfig, ModelConfig
from exporter.configuration.source_config import SourceConfig
from exporter.engine.engine import Engine
from exporter.joins.memory_store import MemoryStore
from exporter.lines.stream import Stream
from exporter.model_key import OTHERS
from exporter.status import rendering
from exporter.status.document import Status, StatusQuery, status
from exporter.status.operation import Operation
from exporter.units import Duration
from tests.records import block

LOG, LABELS = Stream("/log", "/log", 1, 1), Stream("/labels", "/labels", 1, 2)
DAY = 86400.0
# 0:00 UTC.
NOW = 19_700 * DAY


class Sidecar:
    """An engine with ground truth, and the metrics of its state."""

    def __init__(self, **options: Any) -> None:
        config = Config(
            sources=[SourceConfig.parse("/log")],
            model=ModelConfig("credit", "3"),
            windows=(Duration.parse("1h"), Duration.parse("24h")),
            ground_truth=GroundTruthConfig(
                sources=[SourceConfig.parse("/labels")],
                **{name: of(value) for name, value in ({"wait": "10d"} | options).items()},
            ),
        )
        self.plan, self.collector = planning.plan(config, {OTHERS: LoadedModel(config)})
        self.store = MemoryStore()
        self.now = NOW
        self.engine = Engine(self.plan, store=self.store)
        for stream in (LOG, LABELS):
            self.engine.open(stream)

    def predict(self, ids: Sequence[int], prediction: str, time: float) -> None:
        lines = ({"request_id": str(n), "timestamp": time, "prediction": prediction} for n in ids)
        self.engine.feed(LOG, block(lines), self.now)

    def label(self, ids: Sequence[int], actual: str) -> None:
        self.engine.feed(LABELS, block({"request_id": str(n), "actual": actual} for n in ids), self.now)

    def restart(self) -> None:
        snapshot = self.engine.snapshot(self.now)
        self.store.apply(snapshot.deltas["joins"])
        self.engine = Engine(self.plan, self.engine.committed(snapshot), store=self.store)
        self.engine.open(LABELS, self.engine.remembered("/labels").get(LABELS))

    def status(self) -> Status:
        return status(self.collector, self.engine.snapshot(self.now), StatusQuery(), Operation())

    def metrics(self) -> dict[tuple[str, ...], float]:
        families = self.collector.collect(self.engine.snapshot(self.now))
        base = ("model_name", "model_version")
        return {
            (sample.name, *(value for name, value in sorted(sample.labels.items()) if name not in base)): sample.value
            for family in families
            for sample in family.samples
        }


def of(value: Any) -> Any:
    return Duration.parse(value) if isinstance(value, str) else value


def test_outcomes_are_in_the_window_of_their_prediction() -> None:
    sidecar = Sidecar()
    sidecar.predict(range(200), "yes", NOW - 2 * DAY)
    sidecar.predict(range(200, 300), "yes", NOW - 60)
    sidecar.label(range(150), "yes")
    sidecar.label(range(150, 200), "no")
    found = sidecar.metrics()
    assert found["model_window_outcomes", "24h"] == found["model_window_outcomes", "1h"] == 0
    assert ("model_accuracy", "24h") not in found
    assert (found["model_accuracy", "latest"], found["model_window_outcomes", "latest"]) == (0.75, 200)
    assert found["model_outcomes_total", "no", "yes"] == 50
    assert found["model_ground_truth_judged_until_timestamp_seconds",] == NOW - 1.5 * DAY
    sidecar.label(range(200, 290), "yes")
    found = sidecar.metrics()
    assert found["model_accuracy", "1h"] == 1
    # The 1h window has too few outcomes.
    assert found["model_window_outcomes", "latest"] == 290
    assert found["model_accuracy", "latest"] == pytest.approx((150 + 90 / 0.9) / 300, abs=0.01)


def test_the_last_label_counts_until_the_prediction_is_settled() -> None:
    """In windows; the totals keep the first, also after a restart."""
    sidecar = Sidecar(settled="5d")
    sidecar.predict(range(200), "yes", NOW - 2 * DAY)
    sidecar.label(range(200), "yes")
    sidecar.restart()
    sidecar.label(range(50), "no")
    found = sidecar.metrics()
    assert found["model_accuracy", "latest"] == 0.75
    assert found["model_outcomes_total", "yes", "yes"] == 200
    assert ("model_outcomes_total", "no", "yes") not in found
    assert found["prediction_exporter_joins_total", "revised"] == 50
    sidecar.label(range(25), "yes")
    assert sidecar.metrics()["model_accuracy", "latest"] == 0.875
    sidecar.now = NOW + 4 * DAY
    sidecar.label(range(25), "no")
    assert sidecar.metrics()["model_accuracy", "latest"] == 0.875


def test_without_a_time_to_settle_the_first_label_counts() -> None:
    sidecar = Sidecar()
    sidecar.predict(range(200), "yes", NOW - 60)
    sidecar.label(range(200), "yes")
    sidecar.label(range(200), "no")
    assert sidecar.metrics()["model_accuracy", "latest"] == 1


def test_what_is_late_counts_in_totals_only() -> None:
    sidecar = Sidecar(view="1d")
    sidecar.predict(range(200), "yes", NOW - 4 * DAY)
    sidecar.label(range(200), "yes")
    found = sidecar.metrics()
    assert found["prediction_exporter_joins_total", "joined"] == found["prediction_exporter_joins_total", "late"] == 200
    assert found["model_outcomes_total", "yes", "yes"] == 200
    assert ("model_accuracy", "latest") not in found


def test_all_outcomes_are_shown_with_a_coverage_of_0() -> None:
    sidecar = Sidecar(coverage=0.0)
    sidecar.predict(range(1000), "yes", NOW - 60)
    sidecar.label(range(8), "yes")
    sidecar.label(range(8, 10), "no")
    assert sidecar.metrics()["model_accuracy", "1h"] == 0.8


def test_the_status_page_shows_the_newest_that_have_their_labels() -> None:
    sidecar = Sidecar()
    sidecar.predict(range(200), "yes", NOW - 2 * DAY)
    sidecar.predict(range(200, 300), "yes", NOW - 60)
    page = rendering.page(sidecar.status()).decode()
    assert "Unknown: too few labels have arrived." in page
    sidecar.label(range(150), "yes")
    sidecar.label(range(150, 200), "no")
    shown = sidecar.status()
    assert shown.model is not None
    performance = shown.model.performance
    assert performance is not None
    assert (performance.window, performance.samples, performance.judged_until) == ("latest", 200, NOW - 1.5 * DAY)
    assert performance.figures["accuracy"] == 0.75
    assert "These figures are of 200 predictions until" in rendering.page(shown).decode()
