"""Accuracy, precision, recall and F1 against scikit-learn, where each is defined and where it is not."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from exporter.stats.outcomes import Outcomes, by_predicted, matrix
from tests.outcomes import Told, of_classes, outcomes, told

METRICS = ("model_precision", "model_recall", "model_f1")
labels = st.sampled_from("abcdefg")
pairs = st.lists(st.tuples(labels, labels), min_size=1, max_size=60)


def of(found: dict[str, Told], metric: str, average: str = "", of_class: str = "") -> float:
    return found[metric].get((average, of_class), math.nan)


@settings(max_examples=150, deadline=None)
@given(pairs, st.sampled_from(["", "abc", "gfedcba", "xyz"]))
def test_is_scikit_learn_s(pairs: list[tuple[str, str]], known: str) -> None:
    predicted, actual = zip(*pairs, strict=True)
    found = told(outcomes(predicted, actual, classes=known), of_classes(known) if known else None)
    assert found["model_accuracy"] == {(): pytest.approx(accuracy_score(actual, predicted), abs=1e-9)}
    for average in ("weighted", "macro"):
        expected = precision_recall_fscore_support(actual, predicted, average=average, zero_division=0.0)
        assert [of(found, metric, average) for metric in METRICS] == pytest.approx(expected[:3], abs=1e-9)
    names = sorted({*predicted, *actual, *known})
    by_class = precision_recall_fscore_support(actual, predicted, labels=names, zero_division=np.nan)
    for metric, values in zip(METRICS, by_class[:3], strict=True):
        assert [of(found, metric, of_class=name) for name in names] == pytest.approx(
            values.tolist(), abs=1e-9, nan_ok=True
        )
    assert found["model_window_outcomes"] == {(): len(pairs)}


def test_without_outcomes_there_is_no_value() -> None:
    found = told(outcomes([], [], classes="ab"), of_classes("ab"))
    assert not any(found[metric] for metric in ("model_accuracy", *METRICS, "model_auc", "model_log_loss"))
    assert found["model_window_outcomes"] == {(): 0}


def test_of_a_class_that_was_never_predicted_there_is_no_precision_and_it_counts_as_0_in_the_average() -> None:
    found = told(outcomes("aab", "abc"), of_classes("abcd"))
    assert found["model_precision"] == {
        ("weighted", ""): pytest.approx(1 / 6),
        ("macro", ""): pytest.approx(1 / 6),
        ("", "a"): 0.5,
        ("", "b"): 0.0,
    }
    assert {key[1] for key in found["model_recall"] if key[1]} == {"a", "b", "c"}


def test_one_class_only() -> None:
    found = told(outcomes("aaa", "aaa"), of_classes("a"))
    assert found["model_accuracy"] == {(): 1}
    assert found["model_f1"] == {("weighted", ""): 1, ("macro", ""): 1, ("", "a"): 1}


def test_an_outcome_without_a_class_is_not_counted() -> None:
    found = told(outcomes(["a", None, "b"], ["a", "a", None]), None)
    assert found["model_window_outcomes"] == {(): 1}
    assert found["model_accuracy"] == {(): 1}


def test_fractional_numbers_are_no_classes_unless_the_reference_says_so() -> None:
    batch = outcomes(["value", "value", "a"], ["value", "value", "b"])
    assert told(batch, None)["model_accuracy"] == {(): 0}
    assert told(batch, of_classes(["a", "value"]))["model_accuracy"] == {(): pytest.approx(2 / 3)}
    assert told(outcomes(["value"], ["value"]), None)["model_accuracy"] == {}


@given(pairs)
def test_the_counter_is_the_confusion_matrix(pairs: list[tuple[str, str]]) -> None:
    predicted, actual = zip(*pairs, strict=True)
    found = told(outcomes(predicted, actual), None)["model_outcomes_total"]
    assert found == Counter(pairs)


def test_pairs_of_few_known_classes_are_exported_from_the_start() -> None:
    found = told(outcomes("c", "a", classes="ab"), of_classes("ab"))["model_outcomes_total"]
    assert found == {("a", "a"): 0, ("a", "b"): 0, ("b", "a"): 0, ("b", "b"): 0, ("c", "a"): 1}
    many = "abcdefghijk"
    assert told(outcomes("c", "a", classes=many), of_classes(many))["model_outcomes_total"] == {("c", "a"): 1}


def test_classes_that_come_later_leave_the_cells_of_those_before_where_they_are() -> None:
    few = Outcomes().tally(outcomes("ab", "ba", classes="ab"))[0]
    more = Outcomes().tally(outcomes("abd", "bac", classes="abcd"))[0]
    assert (len(few), len(more)) == (4, 16)
    np.testing.assert_array_equal(more[:4], few)
    expected = confusion_matrix(list("bac"), list("abd"), labels=list("abcd")).T
    np.testing.assert_array_equal(matrix(more), expected)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 100])
def test_sums_by_predicted_class_are_those_of_the_matrix(size: int) -> None:
    tally = np.random.default_rng(size).integers(0, 9, size * size).astype(np.float64)
    for classes in (size, size + 3):
        assert by_predicted(tally, classes).tolist() == matrix(tally, classes).sum(axis=1).tolist()
