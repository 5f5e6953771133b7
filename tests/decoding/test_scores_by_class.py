"""The score of each class in a record, as JSON and as Arrow."""

from typing import Any

import numpy as np
import pytest

from exporter.batch import Batch, Floats
from tests.formats.arrow import streams
from tests.records import NOW, block, decoded_block, decoder, good

TWO = ("approve", "deny")
THREE = ("approve", "deny", "review")
NAN = float("nan")


def by_line(records: list[Any], classes: tuple[str, ...]) -> Batch:
    batch = decoded_block(decoder(classes=classes), block(records)).batch
    assert batch is not None
    return batch


def scores(records: list[Any], classes: tuple[str, ...]) -> Floats:
    """Return the scores of records, which are the same as JSON and as Arrow."""
    (together,) = streams.read(streams.stream(streams.batch(records)), streams.arrow_decoder(classes=classes))[0]
    batch = by_line(records, classes)
    assert batch.scores is not None
    assert together.scores is not None
    np.testing.assert_array_equal(batch.scores, together.scores)
    return batch.scores


@pytest.mark.parametrize(
    ("classes", "prediction", "probability", "expected"),
    [
        pytest.param(TWO, "approve", 0.75, [0.75, 0.25], id="of two classes the other has the rest"),
        pytest.param(TWO, "deny", 0.75, [0.25, 0.75], id="whichever is predicted"),
        pytest.param(TWO, "review", 0.75, [NAN, NAN], id="a class that the reference does not know"),
        pytest.param(TWO, "approve", None, [NAN, NAN], id="null"),
        pytest.param(TWO, "approve", 1.0000001, [1, 0], id="over 1 by a rounding error"),
        pytest.param(THREE, "deny", 0.75, [NAN, 0.75, NAN], id="of three a number is one's alone"),
        pytest.param(THREE, "deny", {"approve": 0.5, "review": 0.25, "deny": 0.25}, [0.5, 0.25, 0.25], id="an object"),
        pytest.param(THREE, "deny", {"deny": 0.5, "new": 0.5}, [NAN, 0.5, NAN], id="what an object does not say"),
        pytest.param(TWO, "deny", {"deny": 0.5}, [NAN, 0.5], id="nor of two classes"),
        pytest.param(THREE, "deny", {"deny": 0.5, "approve": 2.5}, [NAN, 0.5, NAN], id="what can be no score"),
        pytest.param(THREE, "new", {"deny": 0.5, "approve": 0.5}, [0.5, 0.5, NAN], id="an unknown class, an object"),
        pytest.param(("0", "1"), 1, 0.75, [0.25, 0.75], id="classes that are numbers"),
        pytest.param(("0", "1"), 0.0, {"1": 0.75, "0": 0.25}, [0.25, 0.75], id="and floats"),
        pytest.param(("true", "false"), False, 0.75, [0.25, 0.75], id="and booleans"),
    ],
)
def test_the_score_of_each_class(classes: tuple[str, ...], prediction: Any, probability: Any, expected: Any) -> None:
    record = good(prediction=prediction, probability=probability)
    np.testing.assert_array_equal(scores([record], classes)[:, 0], expected)


def test_scores_are_in_the_order_of_the_rows() -> None:
    said = [("approve", 0.75), ("deny", None), ("deny", 0.5), ("new", 0.25)]
    records = [good(prediction=prediction, probability=probability) for prediction, probability in said]
    np.testing.assert_array_equal(scores(records, TWO), [[0.75, NAN, 0.5, NAN], [0.25, NAN, 0.5, NAN]])


def test_numbers_and_objects_may_be_mixed() -> None:
    records = [
        good(probability=0.75),
        good(prediction="deny", probability={"approve": 0.25, "deny": 0.5}),
        good(),
        {"timestamp": NOW, "error_type": "oom", "probability": 0.5},
        good(probability={}),
    ]
    read = by_line(records, TWO).scores
    np.testing.assert_array_equal(read, [[0.75, 0.25, NAN, NAN, NAN], [0.25, 0.5, NAN, NAN, NAN]])


def test_a_rejected_record_has_no_column() -> None:
    records = [good(probability=0.75), {"probability": 0.5}, good(prediction="deny", probability=0.75), []]
    np.testing.assert_array_equal(by_line(records, TWO).scores, [[0.75, 0.25], [0.25, 0.75]])


def test_no_scores_are_read_without_classes() -> None:
    assert by_line([good(probability=0.75)], ()).scores is None
    (batch,) = streams.read(streams.stream(streams.batch([good(probability=0.75)])), streams.arrow_decoder(classes=()))[
        0
    ]
    assert batch.scores is None
