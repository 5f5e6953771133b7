"""Errors of values: the baseline against scikit-learn, degradation beyond chance, and estimates without labels."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from exporter.batch import Batch, Floats
from exporter.derived import Criteria
from exporter.derived.degradation import Degradation
from exporter.derived.estimated_error import EstimatedError
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.regression import Regression
from exporter.derived.view import WindowTallies
from exporter.offline.profiling import Options, make_profile
from exporter.reference import profile_file
from exporter.reference.errors import ErrorLeaf, ErrorSplit, ErrorTree
from exporter.reference.profile import Profile
from exporter.reference.profile_file import ProfileError
from exporter.stats.error_leaves import ErrorLeaves
from exporter.stats.label_counts import LabelCounts
from exporter.stats.residuals import ResidualBins, Residuals
from tests.outcomes import outcomes
from tests.process import exporter
from tests.records import DEFAULT, columns, numeric, reference

Data = tuple[Floats, Floats, Floats]
TREE = ErrorTree(
    [ErrorSplit(None, 10.0, -1, 1), ErrorSplit("age", 40.0, 2, -2), ErrorSplit("size", 0.5, -3, -4)],
    [ErrorLeaf(100, 1.0, 0.5), ErrorLeaf(200, 2.0, 1.0), ErrorLeaf(300, 3.0, 2.0), ErrorLeaf(400, 4.0, 0.0)],
)
VALUES = msgspec.structs.replace(
    reference({name: numeric([40.0], [500, 500]) for name in ("size", "weight", "age")}),
    prediction=numeric([10.0], [500, 500]),
)


def people(rows: int, rng: np.random.Generator, *, heavier: bool = False) -> tuple[Floats, Floats]:
    """Return inputs and values whose noise grows with the first input."""
    inputs = rng.random((rows, 6))
    if heavier:
        inputs[:, 0] = rng.beta(3, 1, rows)
    values = 10 * np.sin(math.pi * inputs[:, 0] * inputs[:, 1]) + 20 * (inputs[:, 2] - 0.5) ** 2 + 10 * inputs[:, 3]
    return inputs, values + rng.normal(size=rows) * (0.5 + 5 * inputs[:, 0] ** 2)


def patients(rows: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    data = load_diabetes()
    chosen = rng.integers(0, len(data.target), rows)
    return data.data[chosen] + rng.normal(size=(rows, 10)) * 0.005, data.target[chosen] + rng.normal(size=rows) * 10


def table(inputs: Floats, predicted: Floats, actual: Floats) -> pa.Table:
    named = {f"f{number}": inputs[:, number] for number in range(inputs.shape[1])}
    return pa.table(named | {"prediction": predicted, "actual": actual})


def profile_of(folder: Path, data: pa.Table) -> Profile:
    parquet.write_table(data, folder / "reference.parquet")
    made, _ = make_profile([folder / "reference.parquet"], Options(prediction="value"))
    return profile_file.load(profile_file.dump(made))


def window(leaves: ErrorLeaves, batch: Batch) -> WindowTallies[Any]:
    return WindowTallies("1h", DEFAULT, [{leaves.name: leaves.tally(batch)[0]}], {})


@pytest.mark.parametrize("of", [people, patients])
def test_estimates_are_within_ten_percent_and_their_intervals_cover_nine_of_ten_windows(
    tmp_path: Path, of: Any
) -> None:
    rng = np.random.default_rng(1)
    model = GradientBoostingRegressor(random_state=0).fit(*of(2000, rng))
    inputs, actual = of(10_000, rng)
    made = profile_of(tmp_path, table(inputs, model.predict(inputs), actual))
    assert made.errors
    leaves = ErrorLeaves(made, made.errors)
    estimated, covered, ratios = EstimatedError(leaves), 0, []
    for _ in range(100):
        inputs, actual = of(1000, rng)
        predicted = model.predict(inputs)
        measured = mean_absolute_error(actual, predicted)
        found = estimated.estimates(window(leaves, columns(1000, value=predicted.tolist(), numbers=inputs.T.tolist())))
        ratios.append(found["mae"].value / measured)
        covered += abs(found["mae"].value - measured) < 1.645 * found["mae"].stderr
    assert max(abs(ratio - 1) for ratio in ratios) < 0.1
    assert covered >= 85


def test_estimates_follow_records_with_larger_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    model = GradientBoostingRegressor(random_state=0).fit(*people(2000, rng))
    inputs, actual = people(10_000, rng)
    made = profile_of(tmp_path, table(inputs, model.predict(inputs), actual))
    assert made.errors
    assert made.error_baseline
    inputs, actual = people(5000, rng, heavier=True)
    predicted = model.predict(inputs)
    leaves = ErrorLeaves(made, made.errors)
    batch = columns(5000, value=predicted.tolist(), numbers=inputs.T.tolist())
    found = EstimatedError(leaves).estimates(window(leaves, batch))["mae"].value
    measured = mean_absolute_error(actual, predicted)
    assert found == pytest.approx(measured, rel=0.1)
    assert made.error_baseline.mae.value < 0.8 * measured


def test_errors_that_do_not_depend_on_anything_have_one_leaf(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    inputs = rng.random((5000, 4))
    made = profile_of(tmp_path, table(inputs, inputs[:, 0], inputs[:, 0] + rng.normal(size=5000)))
    assert made.errors
    assert made.errors.splits == []


def test_the_baseline_is_scikit_learn_s(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    predicted, actual = rng.normal(size=3000), rng.normal(size=3000)
    made = profile_of(tmp_path, table(rng.random((3000, 2)), predicted, actual))
    assert made.error_baseline
    assert made.baseline is msgspec.UNSET
    figures = made.error_baseline.figures
    assert figures["mae"].value == pytest.approx(mean_absolute_error(actual, predicted))
    assert figures["rmse"].value == pytest.approx(root_mean_squared_error(actual, predicted))
    errors = np.abs(predicted - actual)
    assert figures["mae"].stderr == pytest.approx(errors.std() / math.sqrt(3000))
    # Of many samples of the same distribution.
    drawn = [math.sqrt(np.mean(rng.choice(errors, 3000) ** 2)) for _ in range(400)]
    assert figures["rmse"].stderr == pytest.approx(np.std(drawn), rel=0.15)


values = st.one_of(st.floats(-100, 100), st.just(math.nan), st.just(math.inf))


@given(st.lists(st.tuples(values, values, values, values), max_size=30), st.integers(1, 3))
def test_each_prediction_is_counted_in_its_leaf(rows: list[tuple[float, ...]], groups: int) -> None:
    def leaf(prediction: float, size: float, age: float) -> int:
        if not prediction >= 10:
            return 0
        if age >= 40:
            return 1
        return 3 if size >= 0.5 else 2

    leaves = ErrorLeaves(VALUES, TREE)
    of_group = [number % groups for number in range(len(rows))]
    numbers = [[row[place] for row in rows] for place in (1, 2, 3)]
    batch = columns(len(rows), value=[row[0] for row in rows], numbers=numbers, group=of_group, groups=groups)
    expected = np.zeros((groups, 4))
    for group, (prediction, size, _, age) in zip(of_group, rows, strict=True):
        if math.isfinite(prediction):
            expected[group, leaf(prediction, size, age)] += 1
    assert leaves.tally(batch).tolist() == expected.tolist()


def test_with_few_predictions_there_is_no_estimate() -> None:
    leaves = ErrorLeaves(VALUES, TREE)
    few = columns(49, value=[1.0] * 49, numbers=[[0.0] * 49] * 3)
    assert EstimatedError(leaves).estimates(window(leaves, few)) == {}


def degradation(baseline: Any) -> Degradation:
    prediction = VALUES.prediction
    assert not hasattr(prediction, "categories")
    residuals, counted = Residuals(prediction), ResidualBins(prediction)  # type: ignore[arg-type]
    counts = LabelCounts("model_predictions_total", "", "prediction", "prediction_class", "predictions")
    regression = Regression(residuals, counted, OutcomeJudge(counts, counted, 0.0, 0.0))
    return Degradation(regression, baseline, Criteria(0.001, 1.0, 0.05))


def test_a_rise_of_the_error_beyond_chance_and_tolerance_is_degradation(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    actual = rng.normal(10, 5, 4000)
    made = profile_of(tmp_path, table(rng.random((4000, 2)), actual + rng.normal(size=4000), actual))
    for scale, rows, expected in ((1.0, 500, False), (1.04, 4000, False), (1.3, 500, True), (1.1, 60, False)):
        noise = scale * rng.normal(size=rows)
        judged = degradation(made.error_baseline)
        performance = judged.performance
        assert isinstance(performance, Regression)
        truth = rng.normal(10, 5, rows)
        batch = outcomes(value=(truth + noise).tolist(), actual_value=truth.tolist())
        row = {each.name: each.tally(batch)[0] for each in (performance.residuals, performance.counted)}
        tallies = WindowTallies("1h", DEFAULT, [row], {})
        assert judged.degraded(tallies)["mae"] is expected, (scale, rows)
        assert made.error_baseline
        rise = mean_absolute_error(truth, truth + noise) / made.error_baseline.mae.value - 1
        assert judged.drops(tallies)["mae"] == pytest.approx(rise)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"leaves": TREE.leaves[:3]}, "one split fewer"),
        ({"splits": [ErrorSplit(None, 1.0, 0, -1), *TREE.splits[1:]]}, "exactly once"),
        ({"splits": [*TREE.splits[:2], ErrorSplit("size", 0.5, -3, -3)]}, "exactly once"),
        ({"splits": [*TREE.splits[:2], ErrorSplit("height", 0.5, -3, -4)]}, "expected numeric features of the profile"),
    ],
)
def test_a_tree_is_validated(change: dict[str, Any], problem: str) -> None:
    broken = msgspec.structs.replace(VALUES, errors=msgspec.structs.replace(TREE, **change))
    with pytest.raises(ProfileError, match=problem):
        profile_file.load(profile_file.dump(broken))


def test_a_profile_without_a_feature_of_the_tree_has_no_tree() -> None:
    made = msgspec.structs.replace(VALUES, errors=TREE)
    assert made.without(["weight"]).errors == TREE
    assert made.without(["age"]).errors is msgspec.UNSET


def test_the_sidecar_estimates_and_shows_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    inputs, actual = people(3000, rng)
    made = profile_of(tmp_path, table(inputs, actual + 1, actual))
    (tmp_path / "reference.json").write_bytes(profile_file.dump(made))
    lines = [
        json.dumps({"features": {f"f{number}": value for number, value in enumerate(row)}, "prediction": 1.5})
        for row in inputs[:500].tolist()
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n")
    config = tmp_path / "config.yaml"
    config.write_text("listen: 127.0.0.1:0\nsources: [log.jsonl]\nreference: reference.json\n")
    with exporter("--config", config) as running:
        assert running.samples("model_estimated_mae")["1h",] == pytest.approx(1.0, abs=0.01)
        assert running.samples("model_estimated_stderr")["mae", "1h"] < 0.01
        assert ">mae<" in running.get("/").replace(" ", "").replace("\n", "")
