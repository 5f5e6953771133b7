"""How many records count as one, as `profile` finds it in the order of the records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from exporter.assembly.measures import measures
from exporter.configuration.settings import Config, DriftConfig
from exporter.derived.context import Overdispersion
from exporter.offline.profiling import Options, make_profile
from exporter.offline.profiling.overdispersion import chi_squared
from exporter.reference.profile import Profile

Columns = Mapping[str, NDArray[Any]]
FEATURES = 10


def independent(rows: int, seed: int = 1) -> Columns:
    rng = np.random.default_rng(seed)
    numbers = {f"f{number}": rng.normal(size=rows) for number in range(FEATURES)}
    return {**numbers, "country": rng.choice(list("ABCDEF"), size=rows)}


def repeated(columns: Columns, times: int) -> Columns:
    return {name: np.repeat(values, times) for name, values in columns.items()}


def profile(folder: Path, columns: Columns, files: int = 1) -> tuple[Profile, list[str]]:
    rows = len(next(iter(columns.values())))
    for number in range(files):
        part = slice(number * rows // files, (number + 1) * rows // files)
        pq.write_table(pa.table({name: v[part] for name, v in columns.items()}), folder / f"{number}.parquet")
    return make_profile([folder], Options())


def factor(folder: Path, columns: Columns) -> float | UnsetType:
    return profile(folder, columns)[0].overdispersion


@pytest.mark.parametrize("rows", [1000, 10_000, 100_000])
def test_independent_records_have_none(tmp_path: Path, rows: int) -> None:
    assert factor(tmp_path, independent(rows)) is UNSET


@pytest.mark.parametrize("rows", [300, 1000, 10_000])
def test_records_ten_alike_count_as_one_with_a_margin(tmp_path: Path, rows: int) -> None:
    found = factor(tmp_path, repeated(independent(rows), 10))
    assert isinstance(found, float)
    assert 10 <= found <= 18


def test_a_single_feature_that_users_share_is_enough(tmp_path: Path) -> None:
    rows = 10_000
    countries = np.repeat(np.random.default_rng(2).choice(list("ABCD"), size=rows // 20), 20)
    made, summary = profile(tmp_path, {**independent(rows), "country": countries})
    assert isinstance(made.overdispersion, float)
    assert 20 <= made.overdispersion <= 32
    assert any("most in `country`" in line and "drift.overdispersion" in line for line in summary)


def test_the_order_of_sorted_data_is_no_dependence(tmp_path: Path) -> None:
    columns = independent(10_000)
    order = np.argsort(columns["f0"])
    assert factor(tmp_path, {name: values[order] for name, values in columns.items()}) is UNSET


def test_a_slow_change_is_no_dependence(tmp_path: Path) -> None:
    columns = independent(10_000)
    assert factor(tmp_path, {**columns, "f0": columns["f0"] + np.linspace(0, 2, 10_000)}) is UNSET


def test_fewer_than_a_thousand_records_show_none(tmp_path: Path) -> None:
    assert factor(tmp_path, repeated(independent(95), 10)) is UNSET


def test_it_hardly_depends_on_the_division_into_files(tmp_path: Path) -> None:
    columns = repeated(independent(1000), 10)
    folders = [tmp_path / "one", tmp_path / "three"]
    for folder in folders:
        folder.mkdir()
    one, three = (profile(folder, columns, files)[0] for folder, files in zip(folders, (1, 3), strict=True))
    assert one.overdispersion == pytest.approx(three.overdispersion, rel=0.25)
    assert one.reference_id == three.reference_id


def test_the_configuration_takes_precedence_over_the_reference(tmp_path: Path) -> None:
    made, _ = profile(tmp_path, repeated(independent(1000), 10))

    def used(config: Config) -> float:
        return measures(config, made).one(Overdispersion).factor

    assert used(Config(sources=[])) == made.overdispersion
    assert used(Config(sources=[], drift=DriftConfig(overdispersion=1.0))) == 1.0


@given(st.lists(st.tuples(st.integers(3, 200), st.integers(3, 200)), min_size=2, max_size=12))
def test_chi_squared_is_scipy_s(counts: list[tuple[int, int]]) -> None:
    a, b = np.array(counts, np.float64).T
    expected = chi2_contingency([a, b], correction=False)
    assert chi_squared(a, b) == pytest.approx([expected.statistic, expected.dof])
