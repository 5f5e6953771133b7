"""`where`: the lines that are kept are those that a plain reading of each line keeps."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.decoding.conditions import Where
from exporter.decoding.line_block import line_blocks
from exporter.decoding.line_filter import LineFilter
from exporter.lines.buffer import Chunk, PendingLines
from tests.records import STREAM

VALUES: list[Any] = ["prediction", "a/b", "é", 'q"', 200, 200.0, "200", 404, True, False, None, [1], {"event": 200}]
WANTED: list[Any] = [
    *VALUES[:-2],
    [200, "prediction", None],
    {"prefix": "pre"},
    {"from": 200},
    {"below": 300, "from": 1},
]
PATHS = ["event", "a.event", "list[0]"]

values = st.sampled_from(VALUES)
objects = st.fixed_dictionaries(
    {}, optional={"event": values, "a": st.one_of(values, st.fixed_dictionaries({"event": values})), "list": values}
)
is_escaped = st.booleans()
lines = st.one_of(
    st.tuples(objects, is_escaped).map(lambda drawn: json.dumps(drawn[0], ensure_ascii=drawn[1])),
    objects.map(lambda value: json.dumps(value).replace("prediction", "\\u0070rediction")),
    st.sampled_from(["", "Traceback: prediction", "[]", "1", '{"event": "prediction"', '{"event":"pred', " {"]),
)


def plain(where: dict[str, Any], line: str) -> bool:
    """Return whether a line is kept, with a plain reading of the conditions."""
    try:
        row = json.loads(line)
    except ValueError:
        required = [wanted for wanted in where.values() if wanted is not None and None not in _all(wanted)]
        texts = [next(iter(_all(wanted))) for wanted in required if len(_all(wanted)) == 1]
        texts = [str(text).lower() if isinstance(text, bool) else text for text in texts]
        texts = [text for text in texts if isinstance(text, str) and text != "200"]
        texts += [w["prefix"] for w in required if isinstance(w, dict) and "prefix" in w]
        keys = [f'"{path.split(".")[-1]}"' for path, wanted in where.items() if wanted in required and "[" not in path]
        if not texts and keys and '"event": "prediction"' in line and keys[0] == '"event"':
            # What can be read of it shows that it does not match.
            wanted = next(where[path] for path in where if where[path] in required and "[" not in path)
            return _matches(wanted, "prediction")
        return line.lstrip()[:1] == "{" and all(text in line for text in (*texts, *keys))
    return all(_matches(wanted, _at(row, path)) for path, wanted in where.items())


def _all(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [] if isinstance(wanted, dict) else [wanted]


def _at(row: Any, path: str) -> Any:
    for key in path.replace("[0]", "").split("."):
        row = row.get(key) if isinstance(row, dict) else None
    return (
        (row[0] if row else None)
        if path.endswith("[0]") and isinstance(row, list)
        else (None if path.endswith("[0]") else row)
    )


def _matches(wanted: Any, value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return False
    if isinstance(wanted, dict):
        if value is None:
            return False
        if "prefix" in wanted:
            return str(value).startswith(wanted["prefix"])
        try:
            number = float("nan") if isinstance(value, bool) else float(value)
        except ValueError:
            return False
        return wanted.get("from", -1e9) <= number < wanted.get("below", 1e9)

    def spelt(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else "200" if value == 200 else str(value)

    return any(
        (value is None) if one is None else value is not None and spelt(one) == spelt(value) for one in _all(wanted)
    )


@given(
    st.dictionaries(st.sampled_from(PATHS), st.sampled_from(WANTED), min_size=1, max_size=2),
    st.lists(lines, max_size=8),
)
@example({"event": "prediction"}, ['{"event": "prediction"', '{"event": "prediction"}', "prediction"])
@example({"event": None}, ["", "{", "{}"])
def test_lines_are_kept_as_a_plain_reading_keeps_them(where: dict[str, Any], log: list[str]) -> None:
    data = "".join(line + "\n" for line in log).encode()
    line_filter = LineFilter(Where.parse(where))
    kept = []
    for block in line_blocks(PendingLines([Chunk(STREAM, 0, data)]), 5):
        some, skipped = line_filter.kept(block)
        assert len(some) + skipped == len(block)
        kept += [(some.place(number)[1], some.line(number).decode()) for number in range(len(some))]
    offsets = np.cumsum([0, *(len(line.encode()) + 1 for line in log)]).tolist()
    assert kept == [(at, line) for at, line in zip(offsets, log, strict=False) if plain(where, line)]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"a[*]": 1}, "expected the path of one value"),
        ({"a": []}, "expected a value, a list of values"),
        ({"a": {}}, "expected a value, a list of values"),
        ({"a": [[1]]}, "expected a value, a list of values"),
        ({"a": {"until": 1}}, "unknown key"),
        (5, "expected a mapping of paths to values"),
    ],
)
def test_a_mistake_is_told(where: Any, expected: str) -> None:
    (problem,) = Where.problems(where, ("where",))
    assert expected in str(problem)
