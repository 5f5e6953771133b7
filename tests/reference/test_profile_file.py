"""Profile files: a wrong one is one line, and whatever is accepted gives finite values."""

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.configuration.contradictions import contradictions
from exporter.configuration.settings import Config, GroundTruthConfig
from exporter.configuration.source_config import SourceConfig
from exporter.engine.engine import Engine
from exporter.joins.memory_store import MemoryStore
from exporter.lines.buffer import IngestRequest
from exporter.reference import profile_file
from exporter.reference.profile import Profile
from exporter.reference.profile_file import ProfileError
from tests.documentation.families import CLASSES, VALUES
from tests.records import NOW, RICH, block, loaded_models, plan

SOURCE, LABELS = "http:///v1/predictions", "http:///v1/labels"
CONFIG = Config(sources=[SourceConfig.parse(SOURCE)], ground_truth=GroundTruthConfig([SourceConfig.parse(LABELS)]))
CONTENT: dict[str, Any] = json.loads(profile_file.dump(CLASSES))
LOG = [{"request_id": f"r{number}"} | record for number, record in enumerate(RICH * 5) if isinstance(record, dict)]
TRUTH = [{"request_id": f"r{number}", "actual": "deny" if number % 3 else "approve"} for number in range(200)]


def changed(path: str, value: Any) -> bytes:
    """Return the file with another value at a path such as features.age.counts.0; `...` removes it."""
    content = copy.deepcopy(CONTENT)
    *folder, name = path.split("|")
    at: Any = content
    for key in folder:
        at = at[int(key) if isinstance(at, list) else key]
    if value is ...:
        del at[name]
    else:
        at[int(name) if isinstance(at, list) else name] = value
    return json.dumps(content).encode()


WRONG_TYPE = "not a profile of version 1: "
MISTAKES = [
    ("features|age|counts|0", -1, WRONG_TYPE + "features.age.counts[0]: expected a whole number >= 0"),
    (
        "features|age|counts|0",
        251,
        "features.age: expected the same sum above 0 of `counts` and of ",
    ),
    (
        "features|age|counts|0",
        2**53 + 1,
        WRONG_TYPE + "features.age.counts[0]: expected a whole number <= 90071",
    ),
    ("features|age|counts|0", 10**4000, WRONG_TYPE + "features.age.counts[0]: "),
    ("features|age|counts", [250], "features.age: expected one more count than `edges`, got 1 for 3"),
    (
        "features|age|counts",
        [0, 0, 0, 0],
        "features.age: expected the same sum above 0 of `counts` and of ",
    ),
    ("features|age|cut_counts", ..., WRONG_TYPE + "features.age: object missing required field `cut_counts`"),
    ("features|age|edges|1", 30.0, "features.age: expected `edges` in ascending order"),
    ("features|age|cuts|1", 29.0, "features.age: expected `cuts` in ascending order"),
    ("features|age|missing", -10, WRONG_TYPE + "features.age.missing: expected a whole number >= 0"),
    (
        "features|age|missing",
        20,
        "features.age: expected counts of at most 1000 `rows`, with ",
    ),
    ("features|age|mean", math.nan, "not JSON: "),
    ("features|age|mean", 10**400, WRONG_TYPE + "features.age.mean: number out of range"),
    ("features|age|stddev", -1.0, "features.age: expected a `max` of `min` or more, and"),
    ("features|age|min", 66.0, "features.age: expected a `max` of `min` or more"),
    ("features|age|kind", "text", WRONG_TYPE + "features.age.kind: expected one of the kinds that `profile` writes"),
    ("features|age|extra", 1, WRONG_TYPE + "features.age: object contains unknown field `extra`"),
    ("features|plan|categories|basic", -1, WRONG_TYPE + "features.plan.categories.basic: expected a whole number >= 0"),
    ("features|plan|categories", {"basic": 0}, "features.plan: expected at least one category with a count above 0"),
    ("features|text|dimension", 2**30, WRONG_TYPE + "features.text.dimension: expected a whole number <= 65536"),
    (
        "features|text|counts|0|0",
        1,
        "features.text: expected the same number of vectors in each",
    ),
    ("features", {}, "components: expected `income` among the numeric features"),
    ("features", [], WRONG_TYPE + "features: expected an object, got a list"),
    (
        "attributions|age|counts|0",
        1.5,
        WRONG_TYPE + "attributions.age.counts[0]: expected a whole number, got",
    ),
    (
        "calibration|classes|deny|rest|0",
        -1,
        WRONG_TYPE + "calibration.classes.deny.rest[0]: expected a whole",
    ),
    ("components|loadings|0", [1.0, 1.0], "components: expected rows of `loadings` of unit length"),
    ("components|features", ["age", "age"], "components: expected `features` without duplicates"),
    ("components|explained", 1.5, WRONG_TYPE + "components.explained: expected a number <= 1.0"),
    ("rows", 0, WRONG_TYPE + "rows: expected a whole number >= 1"),
    ("version", 2, "version: expected 1, got 2; create the profile again"),
    ("version", "1", "version: expected 1, got '1'; create the profile again"),
    ("version", ..., "version: expected 1, got 'nothing'; create the profile again"),
]


@pytest.mark.parametrize(
    ("path", "value", "problem"), MISTAKES, ids=[f"{path} {str(value)[:20]}" for path, value, _ in MISTAKES]
)
def test_a_mistake_is_one_line_with_its_place(path: str, value: Any, problem: str) -> None:
    with pytest.raises(ProfileError) as raised:
        profile_file.load(changed(path, value))
    assert str(raised.value).startswith(problem)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) < 300


WHOLE = profile_file.dump(CLASSES)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not JSON: "),
        (b"\0" * 100, "not JSON: "),
        (b"\xff\xfe{\0}\0", "not JSON: "),
        (b"[]", WRONG_TYPE + "expected an object, got a list"),
        (b"{}", "version: expected 1"),
        (WHOLE[:-20], "not JSON: "),
        (b'{"version": 1, "features": ' + b"[" * 100_000, "objects or lists are nested too deeply"),
        (b'{"x": ' * 100_000, "objects or lists are nested too deeply"),
        (b'{"version": ' + b"[" * 900 + b"]" * 900 + b"}", "version: expected 1, got [["),
        (WHOLE.replace(b'"age": {', b'"age": {"missing": 10, ', 1), "duplicate key `missing`"),
        (WHOLE.replace(b'"plan": {', b'"age": {', 1), "duplicate key `age`"),
        (WHOLE.replace(b'"FR": ', b'"DE": ', 1), "duplicate key `DE`"),
        (b'{"version": 1, "rows": 1, "features": {}}', "features: expected at least one"),
    ],
)
def test_what_is_no_profile_is_one_line(data: bytes, problem: str) -> None:
    with pytest.raises(ProfileError) as raised:
        profile_file.load(data)
    assert str(raised.value).startswith(problem)


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each part of some content as a container and its key."""
    for key, value in [*(content.items() if isinstance(content, dict) else enumerate(content))]:
        yield content, key
        if isinstance(value, dict | list):
            yield from places(value)


NUMBERS = [0, 1, -1, 0.5, 100, 2**53, 1e-300, -1e-300, 1e300, 1.7e308, -1.7e308]
values = st.one_of(
    st.sampled_from([*NUMBERS, None, True, "x", [], [1], [[1.0]], {}, {"x": 1}]),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
)
contents = {
    name: json.loads(profile_file.dump(profile)) for name, profile in (("classes", CLASSES), ("values", VALUES))
}


def read(data: bytes) -> Profile | None:
    try:
        profile = profile_file.load(data)
    except ProfileError:
        return None
    return None if [*contradictions(CONFIG, loaded_models(CONFIG, profile), {})] else profile


def exported(profile: Profile) -> dict[tuple[str, ...], float]:
    """Return all metrics after a log with ground truth."""
    chosen, collector = plan(CONFIG, profile)
    engine = Engine(chosen, store=MemoryStore())
    engine.ingest(SOURCE, IngestRequest(block(LOG)), NOW)
    engine.ingest(LABELS, IngestRequest(block(TRUTH)), NOW)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect(engine.snapshot(NOW))
        for sample in family.samples
    }


@settings(max_examples=150)
@given(data=st.data())
def test_a_mutated_profile_is_refused_or_gives_finite_values(data: st.DataObject) -> None:
    content = copy.deepcopy(contents[data.draw(st.sampled_from(sorted(contents)))])
    for _ in range(data.draw(st.integers(1, 2))):
        container, key = data.draw(st.sampled_from([*places(content)]))
        if data.draw(st.booleans()) or isinstance(container, list):
            container[key] = data.draw(values)
        else:
            del container[key]
    profile = read(json.dumps(content).encode())
    if profile is not None:
        assert {key: value for key, value in exported(profile).items() if not math.isfinite(value)} == {}


finite = st.one_of(st.sampled_from(NUMBERS), st.floats(allow_nan=False, allow_infinity=False))


@st.composite
def numeric_features(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a feature that is consistent, with numbers of any size."""
    cuts = sorted({*draw(st.lists(finite.map(float), max_size=5))})
    counts = draw(st.lists(st.integers(0, 300), min_size=len(cuts) + 1, max_size=len(cuts) + 1))
    least, mean, greatest = sorted(draw(st.lists(finite, min_size=3, max_size=3)))
    return {
        "kind": "numeric",
        "edges": cuts,
        "counts": counts,
        "cuts": cuts,
        "cut_counts": counts,
        "missing": draw(st.integers(0, 300)),
        "other": draw(st.integers(0, 300)),
        "mean": mean,
        "stddev": abs(draw(finite)),
        "min": least,
        "max": greatest,
        "tail_means": [draw(finite), draw(finite)],
    }


@settings(max_examples=150)
@given(numeric_features(), numeric_features())
def test_a_profile_of_numbers_of_any_size_gives_finite_values(age: Any, income: Any) -> None:
    content = copy.deepcopy(contents["values"]) | {"rows": 10_000}
    content.pop("components", None)
    content["features"] |= {"age": age, "income": income}
    content["prediction"] = content["actual"] = income
    profile = read(json.dumps(content).encode())
    if profile is not None:
        assert {key: value for key, value in exported(profile).items() if not math.isfinite(value)} == {}
