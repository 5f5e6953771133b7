"""The ranking of attributions against scikit-learn and plain loops, and as a sidecar is told it."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from exporter.assembly.measures import measures
from exporter.batch import Series
from exporter.configuration.settings import Config
from exporter.derived.attribution_ranking import AttributionRanking, ndcg
from exporter.derived.drift import Drift
from exporter.reference.profile import Attribution, Profile
from exporter.stats.absolute_attributions import AbsoluteAttributions
from exporter.stats.variable_kind import ATTRIBUTIONS, OnColumns
from tests.derived.samples import profiled
from tests.derived.views import view_of
from tests.records import attribution, columns, numeric, reference

SERIES = Series("credit", "3")
# Of which many are equal.
sizes = st.integers(0, 12).map(lambda n: n / 4)


@given(st.lists(st.tuples(sizes, sizes), min_size=2, max_size=30))
def test_ndcg_is_scikit_learn_s(pairs: list[tuple[float, float]]) -> None:
    gains, scores = np.array(pairs).T
    assume(gains.any())
    assert ndcg(gains, scores) == pytest.approx(ndcg_score([gains], [scores]), abs=1e-12)


@given(st.lists(st.floats(0, 1e3, width=32), min_size=2, max_size=30, unique=True))
def test_ndcg_of_the_same_order_is_1_and_never_more(gains: list[float]) -> None:
    assert ndcg(np.array(gains), np.array(gains)) == pytest.approx(1, abs=1e-12)
    assert ndcg(np.array(gains), np.array(gains)) <= 1


@pytest.mark.parametrize("gains", [[], [1.0], [0.0, 0.0]])
def test_there_is_no_ndcg_of_no_ranking(gains: list[float]) -> None:
    assert math.isnan(ndcg(np.array(gains), np.arange(float(len(gains)))))


PROFILE = reference(
    {"age": numeric([50.0])},
    attributions={
        "age": attribution(3.0, [0.0], [500, 500]),
        "income": attribution(2.0, [0.0], [500, 500]),
        "plan=basic": attribution(1.0, [0.0], [500, 500]),
    },
)


def ranked(profile: Profile, attributions: list[list[float]]) -> dict[tuple[str, str], float]:
    """Return the gauges of a window, by metric and feature."""
    absolute = AbsoluteAttributions(profile.attributed)
    batch = columns(len(attributions[0]), attributions=attributions)
    row = {absolute.name: absolute.tally(batch)[0]}
    families = AttributionRanking(profile.attributions or {}, absolute).collect(view_of({"5m": {SERIES: row}}))
    return {
        (sample.name.removeprefix("model_attribution_"), sample.labels.get("feature_name", "")): sample.value
        for family in families
        for sample in family.samples
    }


def test_means_shares_ranks_and_the_ranking_are_a_plain_computation_s() -> None:
    nothing = [math.nan] * 50  # records that were not explained
    told = ranked(
        PROFILE,
        [
            [0.5, -0.5] * 100 + nothing,
            [-2.0, 2.0, 2.0, math.inf] * 50 + nothing,
            [1.0, math.nan] * 100 + nothing,  # half of the records attribute nothing to it
        ],
    )
    assert told == pytest.approx(
        {
            ("mean_abs", "age"): 0.5,
            ("mean_abs", "income"): 1.5,
            ("mean_abs", "plan=basic"): 0.5,
            ("share", "age"): 0.2,
            ("share", "income"): 0.6,
            ("share", "plan=basic"): 0.2,
            ("rank", "income"): 1,
            ("rank", "age"): 2,
            ("rank", "plan=basic"): 3,
            ("ranking_ndcg", ""): ndcg_score([[3, 2, 1]], [[0.5, 1.5, 0.5]]),
        }
    )


@pytest.mark.parametrize(("explained", "values"), [(0, 0), (99, 0), (100, 10)])
def test_few_records_with_attributions_give_no_value(explained: int, values: int) -> None:
    one = [1.0] * explained + [math.nan] * 200
    assert len(ranked(PROFILE, [one, one, one])) == values


def test_a_feature_that_nothing_is_attributed_to_any_more_comes_last_and_the_ranking_tells() -> None:
    told = ranked(PROFILE, [[math.nan] * 200, [2.0] * 200, [1.0] * 200])
    assert (told["mean_abs", "age"], told["share", "age"], told["rank", "age"]) == (0, 0, 3)
    assert told["ranking_ndcg", ""] == pytest.approx(ndcg_score([[3, 2, 1]], [[0, 2, 1]]))
    assert told["ranking_ndcg", ""] < 0.9


def test_attributions_that_are_all_0_have_no_shares() -> None:
    told = ranked(PROFILE, [[0.0] * 200] * 3)
    assert {name for name, _ in told} == {"mean_abs", "rank", "ranking_ndcg"}


def drift(*window: list[float]) -> dict[tuple[str, str], float]:
    """Return the gauges of drift of a window, against a reference of normal attributions."""
    rng = np.random.default_rng(3)
    features = {name: profiled(rng.normal(size=5000)) for name in ("age", "income")}
    made = {name: Attribution(**msgspec.structs.asdict(feature), mean_abs=1.0) for name, feature in features.items()}
    chosen = measures(Config(sources=[]), reference({"age": numeric([50.0])}, attributions=made))
    batch = columns(len(window[0]), attributions=list(window))
    row = {
        statistic.name: statistic.tally(batch)[0].astype(np.float64)
        for statistic in chosen.statistics
        if isinstance(statistic, OnColumns) and statistic.name.startswith("attribution")
    }
    told = chosen.one(Drift, kind=ATTRIBUTIONS)
    return {
        (sample.name, sample.labels["feature_name"]): sample.value
        for family in told.collect(view_of({"5m": {SERIES: row}}))
        for sample in family.samples
    }


def test_the_distribution_of_attributions_drifts_as_that_of_a_feature_does() -> None:
    rng = np.random.default_rng(4)
    same, moved = rng.normal(size=1000).tolist(), (rng.normal(size=1000) + 1).tolist()
    told = drift(same + [math.nan] * 500, moved + [math.nan] * 500)
    assert told["model_attribution_drift_psi", "age"] < told["model_attribution_drift_psi_critical", "age"] < 0.1
    assert told["model_attribution_drift_psi", "income"] > 0.5
    assert told["model_attribution_drift_psi_pvalue", "income"] < 1e-9
    assert told["model_attribution_drift_wasserstein", "income"] == pytest.approx(1, abs=0.1)
    assert (told["model_attribution_drifted", "age"], told["model_attribution_drifted", "income"]) == (0, 1)


def test_drift_of_few_attributions_has_no_value() -> None:
    assert not drift([0.5] * 49, [math.nan] * 49)
