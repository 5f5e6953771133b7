"""Accuracy of segments against a plain loop over outcomes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import SegmentSeries
from exporter.derived.segments import SegmentAccuracy
from exporter.stats.outcomes import Outcomes, cell
from tests.derived.views import view_of

OUTCOMES = Outcomes()
pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20)


@given(st.dictionaries(st.sampled_from(["DE", "FR"]), pairs))
def test_the_share_of_each_segment_that_was_right(outcomes: dict[str, list[tuple[int, int]]]) -> None:
    rows = {}
    for value, told in outcomes.items():
        tally = np.zeros(25)
        for predicted, actual in told:
            tally[cell(np.array(predicted), np.array(actual))] += 1
        rows[SegmentSeries("m", "1", "country", value)] = {OUTCOMES.name: tally}
    (family,) = SegmentAccuracy(OUTCOMES).collect(view_of({"1h": rows}))
    found = {sample.labels["segment_value"]: sample.value for sample in family.samples}
    assert found == {
        value: sum(predicted == actual for predicted, actual in told) / len(told)
        for value, told in outcomes.items()
        if told
    }
