"""The view of a snapshot: sums of panes against plain loops, and what is computed once for all its readers."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exporter.batch import SegmentSeries, Series
from exporter.derived import drift, drift_statistics
from exporter.derived.feature_health import AbsentFeatures
from exporter.derived.view import WindowTallies, computed_once
from exporter.exposition.collector import Collector
from exporter.model_key import OTHERS
from exporter.state.snapshot import ModelLabels, Snapshot
from exporter.stats.label_counts import LabelCounts
from exporter.status.document import StatusQuery, status
from exporter.status.operation import Operation
from exporter.tallies.vocabulary import CLASS_LABEL
from exporter.tallies.windows import PANES, Window
from tests.derived.views import whole
from tests.records import CHOSEN, DEFAULT, NOW, RICH, STREAM, WINDOWS, block, engine

COUNTS = LabelCounts("model_predictions_total", "", "prediction", CLASS_LABEL, "predictions")
OTHER = Series("fraud", "1")
SEGMENT = SegmentSeries(*DEFAULT, "country", "DE")
MINUTE = Window("1m", 60.0)
LAST = MINUTE.first_in_view(NOW) + PANES - 1


def counted(*counts: float) -> dict[str, Any]:
    return {COUNTS.name: np.array(counts)}


def snapshot(**panes: dict[Any, Any]) -> Snapshot:
    """Return a snapshot with panes by how many panes ago they ended."""
    held = {LAST - int(ago.removeprefix("ago")): tallies for ago, tallies in panes.items()}
    totals = dict.fromkeys((DEFAULT, OTHER, SEGMENT), counted(9.0))
    return Snapshot(
        NOW, totals=totals, windows={"1m": held}, labels={DEFAULT.model_name: ModelLabels({CLASS_LABEL: ("yes", "no")})}
    )


def test_a_window_is_the_sum_of_its_panes_in_view_of_each_series_and_segment() -> None:
    panes = {
        "ago60": {DEFAULT: counted(100.0)},
        "ago59": {DEFAULT: counted(1.0), SEGMENT: counted(1.0)},
        "ago3": {DEFAULT: counted(2.0, 5.0)},
        "ago0": {DEFAULT: counted(4.0), SEGMENT: counted(2.0)},
    }
    view = whole(snapshot(**panes), [MINUTE])
    sums = {window.labels: window[COUNTS].tolist() for window in (*view.windows, *view.segments)}
    # A tally that has grown is the longer one, and a series without records has none.
    assert sums == {(*DEFAULT, "1m"): [7.0, 5.0], (*OTHER, "1m"): [], (*SEGMENT, "1m"): [3.0]}
    assert [*view.panes(MINUTE, DEFAULT)] == [LAST - 59, LAST - 3, LAST]
    assert view.panes(MINUTE, OTHER) == {}
    assert view.totals(Series, COUNTS).keys() == {DEFAULT, OTHER}
    assert (tuple(view.series), view.classes) == ((DEFAULT, OTHER), ("yes", "no"))


def test_a_sum_changes_neither_the_snapshot_nor_a_sum_before_it() -> None:
    taken = snapshot(ago1={DEFAULT: counted(1.0)}, ago0={DEFAULT: counted(2.0)})
    (window, _) = whole(taken, [MINUTE]).windows
    assert window[COUNTS] is window[COUNTS]
    assert whole(taken, [MINUTE]).windows[0][COUNTS].tolist() == [3.0]
    assert taken.windows["1m"][LAST][DEFAULT][COUNTS.name].tolist() == [2.0]


class Total:
    """A derived value that notes which windows it is computed for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @computed_once
    def total(self, window: WindowTallies[Any]) -> float:
        self.calls.append(window.label)
        return float(window[COUNTS].sum())


def test_a_result_is_computed_computed_once_and_derived_value() -> None:
    view = whole(snapshot(ago0={DEFAULT: counted(2.0)}), [MINUTE, replace(MINUTE, label="60s")])
    one, other = Total(), Total()
    assert [one.total(window) for window in view.windows for _ in range(3)] == [2.0] * 3 + [0.0] * 9
    assert one.calls == ["1m", "1m", "60s", "60s"]
    assert (other.total(view.windows[0]), other.calls) == (2.0, ["1m"])


def test_metrics_status_page_and_schema_log_compute_drift_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        real = getattr(module, name)

        def counting(*arguments: Any) -> Any:
            calls[name] += 1
            return real(*arguments)

        monkeypatch.setattr(module, name, counting)

    for module, name in (
        (drift_statistics, "psi_terms"),
        (drift_statistics, "chi2"),
        (drift_statistics, "ks"),
        (drift, "psi_terms"),
    ):
        count(module, name)
    running = engine()
    running.open(STREAM)
    running.feed(STREAM, block(RICH), NOW)
    collector, taken = Collector({OTHERS: CHOSEN}, WINDOWS), running.snapshot(NOW)
    absent = collector.absent(taken)
    assert [*collector.collect(taken)]
    views = [view for _, view in collector.views(taken)]
    windows = sum(len(view.windows) for view in views)
    features = CHOSEN.one(AbsentFeatures)
    for view in views:
        window = view.windows[0]
        assert features.absent(window) is features.absent(window)
        assert (
            absent.items() >= {(window.series, name): found for name, found in features.absent(window).items()}.items()
        )
    # Of features, of outputs and of attributions.
    assert (calls["chi2"], calls["ks"]) == (3 * windows, 3 * windows)
    before = Counter(calls)
    assert status(collector, taken, StatusQuery(), Operation()).model is not None
    # Only its sparklines are new.
    assert {name: calls[name] - before[name] for name in calls} == {"psi_terms": 2, "chi2": 0, "ks": 0}


def test_another_snapshot_has_another_view() -> None:
    collector = Collector({OTHERS: CHOSEN}, WINDOWS)
    first, second = Snapshot(NOW), Snapshot(NOW)
    assert collector.views(first) is collector.views(first)
    assert collector.views(first) is not collector.views(second)
