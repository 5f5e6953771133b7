"""Attributions in the profile, from every format, and values that are no attributions."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import UNSET

from exporter.offline.profiling import Options, make_profile
from exporter.reference import profile_file
from exporter.reference.profile import Attribution, Numeric, Profile
from exporter.reference.profile_file import ProfileError
from tests.offline.profiling.training import Row, made, problem, run, write

RNG = np.random.default_rng(11)
VALUES = {"age": RNG.normal(size=3000), "country=DE": RNG.exponential(size=3000) * RNG.choice([-1, 0, 1], 3000)}
ROWS = [
    {"age": index % 70, "prediction": "a", "attributions": {name: values[index] for name, values in VALUES.items()}}
    for index in range(3000)
]


def flat(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Write attributions as separate columns."""
    return [
        {name: value for name, value in row.items() if name != "attributions"}
        | {f"attributions.{name}": value for name, value in (row["attributions"] or {}).items()}
        for row in rows
    ]


def attributions(profile: Profile) -> dict[str, Attribution]:
    assert isinstance(profile.attributions, dict)
    return profile.attributions


def test_attributions_have_the_bins_of_a_feature_and_a_mean_absolute_value(tmp_path: Path) -> None:
    learnt = attributions(made(write(tmp_path / "a.jsonl", ROWS), output=tmp_path / "out.json"))
    as_features = [{name: values[index] for name, values in VALUES.items()} for index in range(3000)]
    features = made(write(tmp_path / "b.jsonl", as_features), output=tmp_path / "out.json").features
    assert learnt.keys() == VALUES.keys()
    for name, attribution in learnt.items():
        fields = msgspec.structs.asdict(attribution)
        del fields["mean_abs"]
        assert features[name] == Numeric(**fields)
        assert attribution.mean_abs == pytest.approx(np.abs(VALUES[name]).mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("suffix", "rows"),
    [(".parquet", ROWS), (".parquet", flat(ROWS)), (".csv", flat(ROWS)), (".csv.gz", flat(ROWS))],
    ids=["structs", "columns of Parquet", "columns of CSV", "columns of CSV, zipped"],
)
def test_attributions_are_the_same_in_every_format(tmp_path: Path, suffix: str, rows: Sequence[Row]) -> None:
    expected = made(write(tmp_path / "a.jsonl", ROWS), output=tmp_path / "a.json")
    profile = made(write(tmp_path / f"b{suffix}", rows), output=tmp_path / "b.json")
    assert (profile.attributions, list(profile.features)) == (expected.attributions, ["age"])


def test_records_without_attributions_do_not_count_and_a_single_missing_one_is_0(tmp_path: Path) -> None:
    given: Sequence[Any] = [{"a": 2.0, "b": -1.0}, {"a": -4.0}, {"b": None}, {}, None]
    rows = [{"x": index, "attributions": each} for index, each in enumerate(given)]
    learnt = attributions(made(write(tmp_path / "a.jsonl", rows), output=tmp_path / "out.json"))
    found = {name: (sum(each.counts), each.missing, each.other, each.mean_abs) for name, each in learnt.items()}
    assert found == {"a": (2, 0, 0, 3.0), "b": (1, 1, 0, 0.5)}


def test_attributions_that_are_not_numbers_are_missing_and_reported(tmp_path: Path) -> None:
    given = [{"a": 1.0, "b": "high", "c": [1, 2]}, {"a": "high", "b": None}, {"a": math.inf}, {"a": 1e300}]
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps({"x": 1, "attributions": each}) + "\n" for each in given))
    learnt = attributions(made(source, output=tmp_path / "out.json"))
    assert {name: (each.missing, each.other, each.mean_abs) for name, each in learnt.items()} == {
        "a": (0, 1, pytest.approx(1e140 / 3))
    }
    found = run(source, "--output", tmp_path / "out.json").stdout
    assert "left out: attributions.b: has no finite number\n" in found
    assert "left out: attributions.c: has no finite number\n" in found
    assert "note: attributions.a: 1 values are no numbers, and missing: text or booleans such as `high`\n" in found


def test_attributions_are_read_from_the_configured_path(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: [a.jsonl]\nfields: {attributions: explained.shap}\n")
    rows = [{"x": index, "explained": {"shap": {"x": index / 2}}, "attributions": 3} for index in range(5)]
    for suffix in (".jsonl", ".parquet"):
        source = write(tmp_path / f"a{suffix}", rows)
        profile = made(source, "--config", tmp_path / "config.yaml", output=tmp_path / "out.json")
        assert attributions(profile)["x"].mean_abs == 1
        assert list(profile.features) == ["x"]


def test_the_summary_names_the_greatest(tmp_path: Path) -> None:
    rows = [{"x": index, "attributions": {f"f{n}": n * (-1) ** index for n in range(7)}} for index in range(4)]
    found = run(write(tmp_path / "a.jsonl", rows), "--output", tmp_path / "out.json").stdout
    assert "attributions: to 7 features, most to f6, f5, f4, f3, f2\n" in found


def test_without_attributions_the_profile_is_unchanged(tmp_path: Path) -> None:
    rows = [{"x": index} for index in range(5)]
    plain = made(write(tmp_path / "a.jsonl", rows), output=tmp_path / "out.json")
    assert plain.attributions is UNSET
    assert b"attributions" not in (tmp_path / "out.json").read_bytes()
    empty = made(write(tmp_path / "b.jsonl", [row | {"attributions": {}} for row in rows]), output=tmp_path / "b.json")
    assert empty.reference_id == plain.reference_id
    nulls = pa.table({"x": range(5), "attributions": pa.nulls(5)})
    pq.write_table(nulls, tmp_path / "c.parquet")
    assert made(tmp_path / "c.parquet", output=tmp_path / "c.json").reference_id == plain.reference_id


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [(".jsonl", ":1: `attributions`: expected an object, got"), (".parquet", ": column `attributions`: expected a")],
)
def test_attributions_that_are_not_an_object_are_a_mistake(tmp_path: Path, suffix: str, expected: str) -> None:
    source = write(tmp_path / f"a{suffix}", [{"x": 1, "attributions": [0.5, 0.25]}])
    assert problem(source, output=tmp_path / "out.json").startswith(f"{source}{expected}")


def test_an_inconsistent_profile_is_rejected(tmp_path: Path) -> None:
    profile, _ = make_profile([write(tmp_path / "a.jsonl", ROWS[:100])], Options())
    assert profile_file.load(profile_file.dump(profile)) == profile
    for change, expected in ({"mean_abs": -1.0}, "expected a `mean_abs` of 0"), ({"counts": [1]}, "expected one more"):
        broken = {"age": msgspec.structs.replace(attributions(profile)["age"], **change)}
        data = profile_file.dump(msgspec.structs.replace(profile, attributions=broken))
        with pytest.raises(ProfileError, match=f"attributions.age: {expected}"):
            profile_file.load(data)
