"""Counts of class scores by bin, against a plain loop."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exporter.reference.calibration import Calibration, ScoredClass
from exporter.stats.score_bins import ScoreBins
from tests.records import columns, reference

CLASSES = {
    "a": ScoredClass([0.25, 0.5], [1, 1, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]),
    "b": ScoredClass([], [3], [2], [3], [1]),
    "c": ScoredClass([0.5], [1, 2], [0, 2], [2, 1], [0, 0]),
}
PROFILE = reference({}, CLASSES, calibration=Calibration(6, CLASSES))
assert PROFILE.calibration
BINS = ScoreBins(PROFILE, PROFILE.calibration)

scores = st.sampled_from([0.0, 0.25, 0.3, 0.5, 1.0, math.nan])
rows = st.lists(st.tuples(st.sampled_from(["c", "a", "b", "new", None]), scores, scores, scores, st.integers(0, 1)))


@given(rows)
def test_each_known_score_counts_if_the_predicted_class_has_one(drawn: list[tuple]) -> None:
    expected = np.zeros((2, 3, 2, 3))
    for prediction, *by_class, group in drawn:
        if prediction in CLASSES and not math.isnan(by_class["abc".index(prediction)]):
            for row, (name, score) in enumerate(zip("abc", by_class, strict=True)):
                if not math.isnan(score):
                    passed = sum(score >= edge for edge in CLASSES[name].edges)
                    expected[group, row, int(name == prediction), passed] += 1
    batch = columns(len(drawn), prediction=[row[0] for row in drawn], group=[row[4] for row in drawn], groups=2)
    batch = replace(batch, scores=np.array([row[1:4] for row in drawn]).reshape(-1, 3).T)
    np.testing.assert_array_equal(BINS.tally(batch), expected)


def test_without_scores_nothing_is_counted() -> None:
    assert not BINS.tally(columns(3)).any()
