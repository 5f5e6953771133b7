"""The tallies of a data set by time: the same in any order and in any parts, in few panes."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.assembly import planning
from exporter.batch import Batch
from exporter.configuration.loading import from_keys
from exporter.reporting.timeline import Timeline
from exporter.stats.label_counts import LabelCounts
from exporter.tallies.windows import PANES
from tests.records import NOW, columns

LOADED = from_keys({"sources": ["x.jsonl"]})
times = st.lists(
    st.one_of(st.integers(0, 100).map(float), st.integers(0, 10**9).map(float), st.floats(1.7e9, 1.7e9 + 1)), min_size=1
)


def batch(at: list[float]) -> Batch:
    made = columns(len(at), prediction=["yes"] * len(at))
    return replace(made, time=np.array(at))


@settings(max_examples=100)
@given(st.lists(times, min_size=1, max_size=4))
def test_every_record_is_in_the_pane_of_its_time(parts: list[list[float]]) -> None:
    plan, collector = planning.plan(*LOADED)
    timeline = Timeline(plan, NOW)
    for part in parts:
        timeline.add(batch(part))
    snapshot, window = timeline.result()
    every = [time for part in parts for time in part]
    assert timeline.span == (min(every), max(every))
    expected: dict[int, int] = {}
    for time in every:
        pane = int(time // window.pane_seconds)
        expected[pane] = expected.get(pane, 0) + 1
    counted = next(iter(collector.models.values())).one(LabelCounts, column="prediction")
    found = {
        number: int(row[counted.name].sum())
        for number, tallies in snapshot.windows[window.label].items()
        for row in tallies.values()
    }
    assert found == expected
    assert window.number == PANES
    first = window.first_in_view(snapshot.time)
    assert all(first <= number < first + PANES for number in found)
    # Of much time, most panes are used.
    if max(every) - min(every) > 1:
        assert max(found) - min(found) + 1 >= 40
