"""Categorical features: exact counts of the frequent categories, whatever else the column contains."""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from exporter.offline.profiling.categorical import CATEGORIES, MOST_TOSSED, TRACKED, CategoryTally, LabelSketch, half
from exporter.offline.profiling.column import Column
from exporter.offline.tables.data_set import BLOCK_ROWS
from exporter.reference.profile import Categorical, Numeric
from tests.offline.profiling.training import categorical, made, problem, run, write

DISTINCT = 30_000


def most_common(values: Sequence[str]) -> dict[str, int]:
    """Return the 50 most frequent values, ties in the order of their names."""
    ranked = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    return dict(ranked[:50])


def listed(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return counts in their order, which a comparison of mappings ignores."""
    return list(counts.items())


@given(st.lists(st.one_of(st.text(max_size=3), st.booleans(), st.none()), min_size=1, max_size=60))
def test_each_category_is_counted_and_null_is_missing(
    tmp_path_factory: pytest.TempPathFactory, values: list[str | bool | None]
) -> None:
    values = [*values, "a"]
    feature = categorical(tmp_path_factory.getbasetemp() / "categories.jsonl", values)
    written = [str(value).lower() if isinstance(value, bool) else value for value in values if value is not None]
    assert listed(most_common(written)) == listed(feature.categories)
    assert values.count(None) == feature.missing
    assert len(set(written)) == feature.distinct


def test_the_50_most_frequent_have_a_bin_each_and_the_rest_is_other(tmp_path: Path) -> None:
    values = [f"c{index:03}" for index in range(120) for _ in range(20 + 10 * index)]
    random.Random(1).shuffle(values)
    feature = categorical(tmp_path / "a.jsonl", [*values, *[None] * 400])
    assert {*feature.categories} <= {*list(most_common(values))} | {f"c{index:03}" for index in range(66, 70)}
    assert len(feature.categories) == CATEGORIES
    counts = Counter(values)
    for name, count in feature.categories.items():
        assert count == pytest.approx(counts[name] / 2, abs=5 * math.sqrt(counts[name]) / 2)
    total = sum(feature.categories.values()) + feature.missing + feature.other
    assert total == pytest.approx((len(values) + 400) / 2, rel=0.02)
    assert feature.missing == pytest.approx(200, abs=50)
    assert feature.distinct == 120
    noted = run(tmp_path / "a.jsonl", "--output", tmp_path / "again.json").stdout
    assert "120 categories: up to 50 frequent ones have a bin each, the others are `other`; half of the rows" in noted


def test_categories_with_few_rows_among_many_have_no_bin(tmp_path: Path) -> None:
    values = [*(f"rare {index}" for index in range(900)), *["DE"] * 400, *["FR"] * 300, *["IT"] * 50]
    feature = categorical(tmp_path / "a.jsonl", values)
    assert list(feature.categories) == ["DE", "FR", "IT"]
    assert feature.other == pytest.approx(450, abs=75)
    only_rare = categorical(tmp_path / "b.jsonl", values[:900])
    assert (len(only_rare.categories), only_rare.distinct) == (1, 900)


@given(st.permutations(range(8)), st.sampled_from([".jsonl", ".csv", ".parquet"]))
def test_the_order_and_the_format_of_many_categories_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], suffix: str
) -> None:
    parts = [[f"c{index * 7 % 90}" for index in range(part, 900, 3 + part)] for part in range(8)]
    folder = tmp_path_factory.getbasetemp()
    rows = [{"x": value} for part in order for value in parts[part]]
    feature = made(write(folder / f"order{suffix}", rows), output=folder / "out.json").features["x"]
    assert feature == categorical(folder / "straight.jsonl", [value for part in parts for value in part])


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("rows", [10_000, 100_000])
def test_without_drift_the_p_values_of_many_categories_are_uniform(exponent: float, rows: int) -> None:
    """Oracle: scipy's test of the contingency table, of samples of one distribution."""
    shares = 1 / np.arange(1, 3001) ** exponent
    rng = np.random.default_rng(rows)
    found = []
    for _ in range(300):
        reference, window = (rng.multinomial(size, shares / shares.sum()) for size in (rows, 2000))
        sketch = LabelSketch()
        column = Column(texts={str(code): count for code, count in enumerate(reference.tolist()) if count})
        sketch.add(column.texts)
        tally = CategoryTally(sketch, str)
        tally.add(column)
        feature = tally.feature(rows)
        counted = window[[int(name) for name in feature.categories]]
        table = [[*feature.categories.values(), feature.other], [*counted, 2000 - counted.sum()]]
        table = [[cells[place] for place in range(len(cells)) if table[0][place] + table[1][place]] for cells in table]
        found.append(
            [
                scipy.stats.chi2_contingency(table, correction=False, lambda_=name).pvalue
                for name in ("pearson", "log-likelihood")
            ]
        )
    for pvalues in np.transpose(found):
        if exponent:
            assert scipy.stats.kstest(pvalues, "uniform").pvalue > 0.001
            assert pvalues.min() > 1e-5
        assert np.mean(pvalues < 0.05) < 0.1


@given(st.text(), st.integers(0, 20_000))
def test_half_of_the_rows_is_a_binomial_number(name: str, count: int) -> None:
    first = half(name, count)
    assert first == half(name, count)
    assert abs(first - count / 2) <= 4 * math.sqrt(count) / 2 + 1


def test_halves_of_many_rows_are_halves() -> None:
    assert half("a", 2 * MOST_TOSSED + 1) == MOST_TOSSED
    assert half("a", MOST_TOSSED) == pytest.approx(MOST_TOSSED / 2, abs=3 * math.sqrt(MOST_TOSSED))
    assert np.var([half(str(index), 400) for index in range(2000)]) == pytest.approx(100, rel=0.15)


@pytest.mark.parametrize("rare", ["missing", "other"])
def test_a_rare_category_with_the_name_of_a_special_bin_counts_there(tmp_path: Path, rare: str) -> None:
    values = [f"c{index:02}" for index in range(60) for _ in range(200)]
    feature = categorical(tmp_path / "a.jsonl", [*values, *[rare] * 40, *[None] * 60])
    others = (len(values) - 200 * CATEGORIES) / 2
    expected = (50, others) if rare == "missing" else (30, others + 20)
    assert (feature.missing, feature.other) == pytest.approx(expected, rel=0.3)
    assert rare not in feature.categories


def adversarial(share: int) -> Iterator[str]:
    """Yield `share` values of one category among DISTINCT unique ones, as late and as spread out as possible."""
    for index in range(DISTINCT):
        yield f"id {index}"
        if index % (DISTINCT // share) == DISTINCT // share - 1:
            yield "frequent"


def counted(label: str, values: Sequence[str]) -> int:
    """Return the count of a label in both passes over values, one block at a time; 0 if the first does not find it."""
    blocks = [Column(texts=Counter(values[at : at + BLOCK_ROWS])) for at in range(0, len(values), BLOCK_ROWS)]
    sketch = LabelSketch()
    for block in blocks:
        sketch.add(block.texts)
    tally = CategoryTally(sketch, str)
    for block in blocks:
        tally.add(block)
    return tally.counts.get(label, 0)


def test_a_category_of_more_than_one_row_in_ten_thousand_is_found_in_every_order() -> None:
    values = list(adversarial(5))
    assert values.count("frequent") > len(values) / TRACKED  # the fewest that are certain to be found
    for order in (values, values[::-1], sorted(values), sorted(values, key=lambda value: value == "frequent")):
        assert counted("frequent", order) == 5


def test_formerly_frequent_categories_do_not_displace_a_frequent_one() -> None:
    early = [f"early {index}" for _ in range(6) for index in range(TRACKED)]
    later = [f"id {index}" for index in range(64_000)]
    later[::4000] = ["frequent"] * 16  # fewer than the early ones at any time
    last = [f"last {index}" for index in range(25_000)]
    values = [*early, *later, *last]
    assert len(values) / TRACKED < 16
    assert counted("frequent", values) == 16


def test_frequent_categories_after_many_rare_ones_are_counted_from_the_first_row() -> None:
    rare = [f"id {index}" for index in range(3 * BLOCK_ROWS)]
    values = ["DE", *rare, *["FR"] * 500, *["DE"] * 400]
    assert (counted("FR", values), counted("DE", values)) == (500, 401)


@pytest.mark.parametrize("distinct", [9000, 30_000, 60_000])
def test_the_number_of_categories_is_exact_or_within_a_few_percent(tmp_path: Path, distinct: int) -> None:
    values = [f"city {index * 7919 % distinct}" for index in range(distinct + 5000)]
    feature = categorical(tmp_path / "a.jsonl", values, "--categorical", "x")
    if distinct <= TRACKED:
        assert distinct == feature.distinct
    else:
        assert distinct == pytest.approx(feature.distinct, rel=0.05)
        assert distinct != feature.distinct


def test_numeric_codes_are_the_same_labels_as_in_the_sidecar(tmp_path: Path) -> None:
    values = [1, 1.0, 2, 2.5, -0.0, True, "1", 1e20, 2**53 + 1, 2**70 + 1, None, "x"]
    feature = categorical(tmp_path / "a.jsonl", values, "--categorical", "x")
    expected = {
        "1": 3,
        "0": 1,
        "100000000000000000000": 1,
        "1180591620717411303425": 1,
        "2": 1,
        "2.5": 1,
        "9007199254740993": 1,
        "true": 1,
        "x": 1,
    }
    assert listed(expected) == listed(feature.categories)
    assert (feature.missing, feature.other) == (1, 0)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_numeric_codes_are_the_same_labels_in_every_format(tmp_path: Path, suffix: str) -> None:
    rows = [{"code": 1.0}, {"code": 1.0}, {"code": 17.0}, {"code": 2.5}, {"code": None}]
    source = write(tmp_path / f"a{suffix}", rows)
    profile = made(source, "--categorical", "code", output=tmp_path / "out.json")
    feature = Categorical(categories={"1": 2, "17": 1, "2.5": 1}, missing=1, other=0, distinct=3)
    assert feature == profile.features["code"]


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["007", "010", "123", "456"], id="leading zero"),
        pytest.param([" 007", "010", "123", "456"], id="leading zero after a space"),
        pytest.param(["0x1F", "0x2A", "0X10", "0x00"], id="hexadecimal"),
        pytest.param(["0x1F", "12", "13", "14"], id="one hexadecimal"),
        pytest.param(["-01", "10", "11"], id="sign"),
        pytest.param(["1_000", "2_000"], id="underscores"),
        pytest.param(["1,5", "2,5"], id="decimal comma"),
        pytest.param(["2026-01-05", "2026-01-06"], id="dates"),
    ],
)
def test_codes_in_csv_are_categories_as_written(tmp_path: Path, texts: list[str]) -> None:
    values = texts * 5
    feature = made(write(tmp_path / "a.csv", [{"x": text} for text in values]), output=tmp_path / "out.json").features[
        "x"
    ]
    assert isinstance(feature, Categorical)
    assert listed(most_common(values)) == listed(feature.categories)


def test_quotes_distinguish_an_empty_text_in_csv_from_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('x,y\n"",1\n,2\nDE,3\n"NULL",4\n')
    feature = made(tmp_path / "a.csv", output=tmp_path / "out.json").features["x"]
    assert Categorical(categories={"": 1, "DE": 1, "NULL": 1}, missing=1, other=0, distinct=3) == feature


def test_objects_and_lists_in_a_column_of_categories_are_other(tmp_path: Path) -> None:
    feature = categorical(tmp_path / "a.jsonl", ["a", ["a"], {"a": 1}, None, "a", []])
    assert Categorical(categories={"a": 2}, missing=1, other=3, distinct=1) == feature


def test_a_column_of_distinct_texts_is_left_out_unless_it_is_declared(tmp_path: Path) -> None:
    rows = [{"id": f"user {index}", "x": index} for index in range(1200)]
    source = write(tmp_path / "a.jsonl", rows)
    result = run(source, "--output", tmp_path / "out.json")
    assert "left out: id: identifies rows: 1200 distinct texts in 1200; --include id keeps it" in result.stdout
    assert list(made(source, output=tmp_path / "out.json").features) == ["x"]
    kept = made(source, "--categorical", "id", output=tmp_path / "out.json").features["id"]
    assert isinstance(kept, Categorical)
    assert kept.distinct == 1200


def test_a_declared_category_needs_values(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [{"x": None, "y": 1}, {"x": [1], "y": 2}])
    message = problem(source, "--categorical", "x", output=tmp_path / "out.json")
    assert message == "--categorical x: expected values, got lists"


def test_a_text_in_csv_may_end_with_a_new_line(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", [{"y": 1, "x": "a"}, {"y": 2, "x": "b\n"}])
    feature = made(source, output=tmp_path / "out.json").features["x"]
    assert feature == Categorical(categories={"a": 1, "b\n": 1}, missing=0, other=0, distinct=2)


def test_quoted_numbers_are_numbers_and_empty_quotes_among_them_are_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"x","flag","y"\n"1","true","a"\n"","",""\n" 2.5 ","FALSE","b"\n')
    features = made(tmp_path / "a.csv", output=tmp_path / "out.json").features
    assert isinstance(features["x"], Numeric)
    assert (features["x"].min, features["x"].max, features["x"].missing) == (1, 2.5, 1)
    assert features["flag"] == Categorical(categories={"false": 1, "true": 1}, missing=1, other=0, distinct=2)
    assert features["y"] == Categorical(categories={"": 1, "a": 1, "b": 1}, missing=0, other=0, distinct=3)
