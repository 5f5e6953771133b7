"""Accuracy of segments against a plain loop over outcomes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import SegmentSeries, Series
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.segments import SegmentAccuracy
from exporter.stats.label_counts import LabelCounts
from exporter.stats.outcomes import Outcomes, cell
from exporter.tallies.vocabulary import CLASS_LABEL
from tests.derived.views import view_of

OUTCOMES = Outcomes()
PREDICTIONS = LabelCounts("model_predictions_total", "", "prediction", "prediction_class", "predictions")
JUDGE = OutcomeJudge(PREDICTIONS, OUTCOMES, 3600.0, 0.9)
pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20)


@given(st.dictionaries(st.sampled_from(["DE", "FR"]), pairs))
def test_the_share_of_each_segment_that_was_right(outcomes: dict[str, list[tuple[int, int]]]) -> None:
    rows = {}
    for value, told in outcomes.items():
        tally = np.zeros(25)
        for predicted, actual in told:
            tally[cell(np.array(predicted), np.array(actual))] += 1
        rows[SegmentSeries("m", "1", "country", value)] = {OUTCOMES.name: tally}
    whole = sum((row[OUTCOMES.name] for row in rows.values()), np.zeros(25))
    of_series = {Series("m", "1"): {OUTCOMES.name: whole}}
    (family,) = SegmentAccuracy(OUTCOMES, JUDGE).collect(view_of({"1h": rows | of_series}, {CLASS_LABEL: "abcde"}))
    found = {sample.labels["segment_value"]: sample.value for sample in family.samples}
    assert found == {
        value: sum(predicted == actual for predicted, actual in told) / len(told)
        for value, told in outcomes.items()
        if told
    }
