"""Estimated performance against the real one: of public data sets, under covariate shift, and where it cannot know."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from exporter.offline.profiling import Options, make_profile
from tests.derived.estimated import FIGURES, Scored, curve, estimated
from tests.offline.profiling.training import write

Shares = tuple[Scored, Scored]

PUBLIC = {
    "cancer, naive Bayes": (datasets.load_breast_cancer, GaussianNB()),
    "cancer, a forest": (datasets.load_breast_cancer, RandomForestClassifier(30, random_state=0)),
    "digits, naive Bayes": (datasets.load_digits, GaussianNB()),
    "digits, logistic": (datasets.load_digits, LogisticRegression(C=0.001, max_iter=200)),
}


@pytest.fixture(scope="module", params=PUBLIC)
def public(request: pytest.FixtureRequest) -> Shares:
    """Return the reference and the window: records that the model was not trained on."""
    load, model = PUBLIC[request.param]
    x, y = load(return_X_y=True)
    x, rest_x, y, rest_y = train_test_split(x, y, train_size=0.25, random_state=1)
    model.fit(x, y)
    names = tuple(f"class {label}" for label in model.classes_)
    scores = model.predict_proba(rest_x)
    half = len(rest_y) // 2
    return Scored(names, scores[:half], rest_y[:half]), Scored(names, scores[half:], rest_y[half:])


def test_of_the_reference_itself_every_figure_is_the_real_one(public: Shares, tmp_path: Path) -> None:
    reference, _ = public
    told = estimated(reference.profile(tmp_path), reference.records())
    assert told["accuracy",] == pytest.approx(reference.accuracy, abs=1e-9)
    for metric in FIGURES:
        for average in ("weighted", "macro"):
            assert told[metric, average] == pytest.approx(reference.figure(metric, average), abs=1e-9)
        for name, real in zip(reference.names, reference.figure(metric, None), strict=True):
            assert told[metric, name] == pytest.approx(real, abs=1e-9)
    # Of few records, those of one pool are in an order that was right by chance.
    assert told["auc",] == pytest.approx(reference.auc, abs=0.006)


def test_of_other_records_every_figure_is_within_three_standard_errors(public: Shares, tmp_path: Path) -> None:
    reference, window = public
    told = estimated(reference.profile(tmp_path), window.records())
    assert abs(told["accuracy",] - window.accuracy) < 3 * told["stderr", "accuracy"] < 0.09
    assert abs(told["auc",] - window.auc) < 3 * told["stderr", "auc"] < 0.09
    for metric in FIGURES:
        error = told["stderr", metric]
        assert abs(told[metric, "weighted"] - window.figure(metric, "weighted")) < 3 * error < 0.09


@pytest.mark.parametrize("confidence", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("center", [0.0, -0.5, 1.5])
def test_where_other_records_come_the_estimate_goes_with_the_real_figures(confidence: float, center: float) -> None:
    """Whatever the scores were worth: the reference's truth says it."""
    rng = np.random.default_rng(5)
    reference = curve(rng, 20_000, 3.0, confidence=confidence)
    window = curve(rng, 20_000, center, confidence=confidence)
    assert reference.accuracy - window.accuracy > 0.05
    told = estimated(reference.reference(), window.batch())
    assert told["accuracy",] == pytest.approx(window.accuracy, abs=0.01)
    assert told["f1", "weighted"] == pytest.approx(window.figure("f1", "weighted"), abs=0.01)
    assert told["precision", "yes"] == pytest.approx(window.figure("precision", None)[1], abs=0.01)
    assert told["recall", "no"] == pytest.approx(window.figure("recall", None)[0], abs=0.015)
    assert told["auc",] == pytest.approx(window.auc, abs=0.01)


def test_concept_drift_is_what_it_does_not_see() -> None:
    """The same numbers with the same scores, and another truth: the README says so."""
    rng = np.random.default_rng(6)
    reference, window = curve(rng, 20_000, 0.0), curve(rng, 20_000, 0.0, drift=1.5)
    told = estimated(reference.reference(), window.batch())
    assert window.accuracy < reference.accuracy - 0.15
    assert told["accuracy",] == pytest.approx(reference.accuracy, abs=0.01)
    assert told["accuracy",] - window.accuracy > 20 * told["stderr", "accuracy"]


def test_of_a_large_reference_the_area_is_as_exact_as_its_bins() -> None:
    reference = curve(np.random.default_rng(7), 50_000, 0.3)
    told = estimated(reference.reference(), reference.batch())
    assert told["auc",] == pytest.approx(reference.auc, abs=0.002)


@pytest.mark.parametrize(("rows", "records"), [(300, 3000), (3000, 300), (1000, 1000)])
def test_the_standard_error_is_that_of_reference_and_window(rows: int, records: int) -> None:
    """Of 100 references and windows, about 95 % are within two standard errors, which are not wide of it either."""
    rng = np.random.default_rng(8)
    deviations: dict[str, list[float]] = {"accuracy": [], "auc": [], "precision": [], "f1": []}
    for _ in range(100):
        reference, window = curve(rng, rows, 0.5), curve(rng, records, -0.5)
        told = estimated(reference.reference(), window.batch())
        real = {"accuracy": window.accuracy, "auc": window.auc}
        for metric, drawn in deviations.items():
            value = told[(metric,)] if metric in real else told[metric, "weighted"]
            truth = real[metric] if metric in real else window.figure(metric, "weighted")
            drawn.append((value - truth) / told["stderr", metric])
    for metric, drawn in deviations.items():
        assert 0.8 < np.sqrt(np.mean(np.square(drawn))) < 1.25, metric
        assert np.mean(np.abs(drawn) < 2) >= 0.9, metric


@pytest.fixture
def three(tmp_path: Path) -> tuple[Any, Scored]:
    rng = np.random.default_rng(9)
    scores = rng.dirichlet((0.5, 0.5, 0.5), 4000)
    actual = (scores.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    scored = Scored(("a", "b", "c"), scores, actual)
    return scored.profile(tmp_path, by_class=False), scored


def test_of_more_than_two_classes_one_score_alone_says_only_what_is_right(three: tuple[Any, Scored]) -> None:
    profile, scored = three
    told = estimated(profile, scored.records(by_class=False))
    assert told["accuracy",] == pytest.approx(scored.accuracy, abs=1e-9)
    assert told["precision", "b"] == pytest.approx(scored.figure("precision", None)[1], abs=1e-9)
    figures = {("accuracy",), ("stderr", "accuracy"), *(("precision", name) for name in "abc")}
    assert told.keys() == figures


class TestItSaysNothing:
    def test_of_few_predictions(self, tmp_path: Path) -> None:
        reference = curve(np.random.default_rng(10), 1000, 0.0)
        profile = reference.profile(tmp_path)
        assert estimated(profile, reference.records()[:99]) == {}
        assert ("accuracy",) in estimated(profile, reference.records()[:100])

    def test_where_more_than_a_tenth_has_no_score_that_the_reference_knows(self, tmp_path: Path) -> None:
        reference = curve(np.random.default_rng(11), 1000, 0.0)
        profile, records = reference.profile(tmp_path), reference.records()[:900]
        for other in ({"probability": None}, {"prediction": "maybe"}):
            unknown = [records[0] | other] * 100
            assert estimated(profile, records + unknown)["accuracy",] == estimated(profile, records)["accuracy",]
            assert estimated(profile, records[:-1] + unknown) == {}

    @pytest.mark.parametrize("without", ["actual", "probability", "prediction"])
    def test_where_the_reference_has_no_truth_or_no_score(self, without: str, tmp_path: Path) -> None:
        scored = curve(np.random.default_rng(12), 200, 0.0)
        rows = [record | {"actual": "yes", without: None} for record in scored.records()]
        profile = make_profile([write(tmp_path / "reference.jsonl", rows)], Options())[0]
        assert not profile.calibration
        assert estimated(profile, scored.records()) == {}

    def test_of_two_classes_no_area_where_one_is_hardly_expected(self) -> None:
        rng = np.random.default_rng(13)
        profile = curve(rng, 5000, 0.0).reference()
        far = Scored(("no", "yes"), np.tile([0.0, 1.0], (100, 1)), np.ones(100, np.int64))
        told = estimated(profile, far.batch())
        assert told["accuracy",] > 0.99
        assert ("auc",) not in told
        assert ("precision", "no") not in told
        assert ("stderr", "auc") not in told
