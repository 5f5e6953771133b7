"""The items of a JSON array as lines, wherever the array is divided into pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.formats import json_array
from exporter.formats.json_array import MAX_DEPTH, array_lines

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.sampled_from('a"\\,[]{}\n \u00e4'), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=9,
)


@given(
    items=st.lists(VALUES, max_size=5),
    indent=st.sampled_from([None, 0, 2]),
    separators=st.sampled_from([(",", ":"), (" , ", " : ")]),
    is_ascii=st.booleans(),
    piece=st.integers(1, 20),
)
def test_each_item_becomes_a_line(
    items: list[Any],
    indent: int | None,
    separators: tuple[str, str],
    is_ascii: bool,  # noqa: FBT001  # drawn by hypothesis
    piece: int,
) -> None:
    body = json.dumps(items, indent=indent, separators=separators, ensure_ascii=is_ascii).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "PIECE_BYTES", piece)
        lines = array_lines(b" " + body + b"\n").decode()
    assert lines == "" or lines.endswith("\n")
    read = [json.loads(line) for line in lines.split("\n")[:-1]]
    assert json.dumps(read) == json.dumps(items)


@pytest.mark.parametrize(
    "body",
    [b"[", b"[1", b"[1]]", b"[[1]", b'["a]', b"[1],[2]", rb'["\"]', b'[{"a": 1]', b"[1] 2", b"[" * 9999, b"[[]"],
)
def test_an_array_that_does_not_end_where_the_body_does_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="array"):
        array_lines(body)


def test_a_deep_array_is_an_error() -> None:
    assert array_lines(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).count(b"\n") == 1
    with pytest.raises(ValueError, match="nested too deeply"):
        array_lines(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"[ ]", b""),
        (b"[1 2]", b"12\n"),
        (b"[1,]", b"1\n\n"),
        (b"[,]", b"\n\n"),
        (b'[{"a":\n1}\n,NaN]', b'{"a": 1}\nNaN\n'),
    ],
)
def test_what_is_not_json_is_left_to_the_decoder(body: bytes, lines: bytes) -> None:
    assert array_lines(body) == lines
