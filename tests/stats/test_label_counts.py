"""Label counts: a counter per class or error type."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import Floats, Series
from exporter.stats.label_counts import LabelCounts
from tests.records import columns

CLASSES = LabelCounts(
    "model_predictions_total", "Help.", "prediction", "prediction_class", "predictions", frozenset({"approve", "deny"})
)
ERRORS = LabelCounts("model_prediction_errors_total", "Help.", "error", "error_type", "errors")
CREDIT, FRAUD = Series("credit", "3"), Series("fraud", "1")


def exported(
    statistic: LabelCounts, tallies: dict[Series, Floats], names: tuple[str, ...]
) -> dict[tuple[str, str], float]:
    (family,) = statistic.collect(tallies, {statistic.label: names})
    assert {sample.name for sample in family.samples} <= {statistic.name}
    return {(sample.labels["model_name"], sample.labels[statistic.label]): sample.value for sample in family.samples}


@given(st.lists(st.tuples(st.sampled_from(["approve", "deny", "a", ""]), st.integers(0, 2)), min_size=1))
def test_counts_equal_a_plain_count_for_each_group(log: list[tuple[str, int]]) -> None:
    batch = columns(len(log), prediction=[name for name, _ in log], group=[group for _, group in log], groups=3)
    tally = CLASSES.tally(batch)
    assert tally.shape == (3, len(batch.prediction.names))
    counted = {
        (name, group): tally[group, code] for code, name in enumerate(batch.prediction.names) for group in range(3)
    }
    assert Counter(log) == {key: count for key, count in counted.items() if count}


def test_errors_are_counted_by_their_own_column() -> None:
    batch = columns(3, error=["timeout", "oom", "timeout"], prediction=["x", None, "y"])
    assert ERRORS.tally(batch).tolist() == [[2, 1]]
    assert (CLASSES.reads, ERRORS.reads) == ("predictions", "errors")


def test_known_names_are_exported_from_the_start_and_others_once_they_occur() -> None:
    names = ("approve", "deny", "review")
    assert exported(CLASSES, {CREDIT: CLASSES.zero()}, names) == {("credit", "approve"): 0, ("credit", "deny"): 0}
    (tally,) = CLASSES.tally(columns(3, prediction=["approve", "approve", "approve"]))
    assert exported(CLASSES, {CREDIT: tally}, names) == {("credit", "approve"): 3, ("credit", "deny"): 0}


def test_a_name_that_was_admitted_for_one_series_is_not_exported_for_another() -> None:
    (tally,) = ERRORS.tally(columns(2, error=["timeout", "oom"]))
    (shorter,) = ERRORS.tally(columns(1, error=["timeout"]))
    assert exported(ERRORS, {CREDIT: tally, FRAUD: shorter}, ("timeout", "oom")) == {
        ("credit", "timeout"): 1,
        ("credit", "oom"): 1,
        ("fraud", "timeout"): 1,
    }
