"""Attributions in a log: read where the reference has them, and never at the cost of their record."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from exporter.decoding import columns
from exporter.decoding.schema import Path, Schema, SchemaError
from tests.records import PROFILE, decoded_block, decoder, good, line

NAN = math.nan


def read(records: list[Any], fields: dict[str, Path] | None = None) -> list[list[float]]:
    """Read records, which must be good; return the attributions of each, to `age` and to `country=DE`."""
    decoded = decoded_block(decoder(fields=fields or {}), b"".join(map(line, records)))
    assert decoded.rejected == ()
    assert decoded.batch is not None
    assert decoded.batch.attributions is not None
    assert decoded.batch.marks is None
    read: list[list[float]] = decoded.batch.attributions.T.tolist()
    return read


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"age": -0.5, "country=DE": 1}, [-0.5, 1.0], id="numbers"),
        pytest.param({"age": 0.5, "unknown": 1}, [0.5, NAN], id="one that the reference does not know"),
        pytest.param({"age": None, "country=DE": 0.5}, [NAN, 0.5], id="null"),
        pytest.param({"age": "0.5", "country=DE": [0.25]}, [0.5, 0.25], id="a number as text, and one in a list"),
        pytest.param({"age": "high", "country=DE": True}, [NAN, NAN], id="no numbers"),
        pytest.param({"age": [0.5, 1], "country=DE": {"a": 0.5}}, [NAN, NAN], id="an array and an object"),
        pytest.param({"age": NAN, "country=DE": -math.inf}, [NAN, -math.inf], id="not finite"),
        pytest.param({"age": 10**400, "country=DE": 2**70}, [math.inf, 2.0**70], id="large integers"),
        *(pytest.param(other, [NAN, NAN], id=json.dumps(other)) for other in ({}, None, [0.5, 0.25], "none", 3, False)),
    ],
)
def test_an_attribution(given: Any, expected: list[float]) -> None:
    both = read([good(attributions=given), good(attributions={"age": 1.0})])
    np.testing.assert_array_equal(both, [expected, [1.0, NAN]])


def test_records_with_and_without_attributions_may_be_mixed() -> None:
    log = [good(), good(attributions={"age": 0.5}), good(attributions=None), good(attributions={"country=DE": 2})]
    np.testing.assert_array_equal(read(log), [[NAN, NAN], [0.5, NAN], [NAN, NAN], [NAN, 2.0]])


def test_attributions_lie_at_the_configured_path() -> None:
    log = [good(explained={"by": {"shap": {"age": 0.5}}}, attributions={"age": 7}), good(explained=None)]
    np.testing.assert_array_equal(read(log, {"attributions": ("explained", "by", "shap")}), [[0.5, NAN], [NAN, NAN]])


def test_attributions_may_lie_among_the_features() -> None:
    log = [good(features={"age": 41, "why": {"age": 0.5}}), good()]
    np.testing.assert_array_equal(read(log, {"attributions": ("features", "why")}), [[0.5, NAN], [NAN, NAN]])


def test_without_a_reference_attributions_are_not_read() -> None:
    batch = decoded_block(decoder(replace(PROFILE, attributions=UNSET)), line(good(attributions={"age": 1}))).batch
    assert batch is not None
    assert batch.attributions is None
    with pytest.raises(ValueError, match="no attributions were read"):
        batch.explained()


def test_a_path_that_is_taken_is_reported() -> None:
    with pytest.raises(SchemaError, match="is read as prediction already, and cannot be attribution age"):
        Schema({"prediction": ("output", "age"), "attributions": ("output",)}, attributions=("age",)).tree.struct()


values = st.one_of(st.none(), st.none(), st.integers(-64, 64), st.floats(allow_nan=False))


@given(st.integers(1, 4), st.lists(st.lists(values, min_size=4, max_size=4), max_size=12))
def test_a_sparse_matrix_is_the_matrix(count: int, rows: list[list[float | None]]) -> None:
    given = [tuple(row[at] for row in rows) for at in range(count)]
    expected = [[NAN if value is None else float(value) for value in column] for column in given]
    np.testing.assert_array_equal(columns.sparse_matrix(given, len(rows)), np.array(expected).reshape(count, len(rows)))
