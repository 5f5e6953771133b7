"""Values of a model as a share of its limits, `model_threshold`: 1 is the limit, above 1 it is exceeded."""

from collections.abc import Callable, Mapping

from dashboards.metrics import (
    DRIFT_PSI,
    DRIFTED_RATIO,
    RECORDED_LARGEST_PSI,
    RECORDED_REQUESTS,
    THRESHOLD,
    VERSION_LIMIT,
)
from dashboards.promql import traffic, truth
from dashboards.promql.selection import OF_FEATURE, OF_VERSION, all_pods, models, per, windowed

LATENCY_LIMIT = "latency_p99_seconds"
ERROR_LIMIT = "error_ratio"
DRIFT_LIMIT = "feature_drift_psi"
ACCURACY_LIMIT = "accuracy"
MISSING_LIMIT = "missing_ratio"
UNSEEN_LIMIT = "unseen_ratio"
INVALID_LIMIT = "invalid_ratio"
NDCG_LIMIT = "attribution_ranking_ndcg"
IMPACT_LIMIT = "disparate_impact"
TOLERANCE_LIMIT = "performance_tolerance"


def limit(metric: str) -> str:
    return per(models(THRESHOLD, _named(metric)), OF_VERSION)


def one_limit(metric: str) -> str:
    """Return the strictest limit of the chosen models, for a chart that shows several."""
    return f"min({models(THRESHOLD, _named(metric))})"


def recorded_limit(metric: str) -> str:
    """Return the limit that alerts compare with, which is the default of the rules in alerts/ unless it is set."""
    return per(all_pods(VERSION_LIMIT, _named(metric)), OF_VERSION)


def one_recorded_limit(metric: str) -> str:
    """Return the strictest of these limits, for a chart that shows several models."""
    return f"min({all_pods(VERSION_LIMIT, _named(metric))})"


def whole_limit() -> str:
    """Return 1, which is the limit itself as a share of the limit, for a bar to compare others with."""
    return f"max({models(THRESHOLD, _named(DRIFT_LIMIT))} > bool 0)"


def of_limit(value: str, metric: str) -> str:
    """Return a value as a share of its limit. `value` has the labels of a version, and may have others."""
    return f"({value}) / on ({OF_VERSION}) group_left () ({limit(metric)} > 0)"


def latency() -> str:
    return of_limit(traffic.latency(0.99), LATENCY_LIMIT)


def errors() -> str:
    return of_limit(traffic.error_ratio(), ERROR_LIMIT)


def ratio_of_errors() -> str:
    """Return the same only for versions that have had errors; it takes half the time."""
    return of_limit(traffic.ratio_of_errors(), ERROR_LIMIT)


def psi_of_features(psi: str = DRIFT_PSI) -> str:
    """Return each feature's PSI as a share of the limit, without ruling out chance."""
    return of_limit(per(windowed(psi), OF_FEATURE), DRIFT_LIMIT)


def drift(psi: str = DRIFT_PSI) -> str:
    """Return the largest PSI of a version as a share of the limit; 0 if no feature has drifted beyond chance."""
    drifted = per(windowed(DRIFTED_RATIO), OF_VERSION)
    return of_limit(f"{per(windowed(psi), OF_VERSION)} * ({drifted} > bool 0)", DRIFT_LIMIT)


def accuracy() -> str:
    """Return the share of wrong predictions divided by the share that is allowed."""
    return f"(1 - ({truth.accuracy()})) / on ({OF_VERSION}) (1 - {limit(ACCURACY_LIMIT)} > 0)"


Limits = Mapping[str, Callable[[], str]]
# From the metrics of the sidecars and, for charts over hours, from series recorded by the rules in alerts/.
NOW: Limits = {"latency": latency, "errors": ratio_of_errors, "drift": drift, "accuracy": accuracy}
RECORDED: Limits = {
    **NOW,
    "latency": lambda: of_limit(traffic.recorded_latency(0.99), LATENCY_LIMIT),
    "errors": lambda: of_limit(traffic.recorded_ratio_of_errors(), ERROR_LIMIT),
    "drift": lambda: drift(RECORDED_LARGEST_PSI),
}


def each(limits: Limits) -> str:
    """Return the shares of all limits, distinguished by the label `limit`."""
    return "\nor ".join(f'label_replace({of()}, "limit", "{name}", "", "")' for name, of in limits.items())


def nearest() -> str:
    """Return the highest share of a limit."""
    return per(each(NOW), OF_VERSION)


def nearest_recorded() -> str:
    """Return the same from recorded series; no value if requests are not recorded, because it is unknown then."""
    return f"{per(each(RECORDED), OF_VERSION)} and on ({OF_VERSION}) {models(RECORDED_REQUESTS)}"


def broken() -> str:
    """Return how many limits are exceeded, also if that is 0."""
    return f"{_exceeded(NOW)} or 0 * {per(models(THRESHOLD), OF_VERSION)}"


def broken_recorded() -> str:
    """Return the same from recorded series; 0 only if requests are recorded, because it is unknown otherwise."""
    return f"{_exceeded(RECORDED)} or 0 * {per(models(RECORDED_REQUESTS), OF_VERSION, 'group')}"


def _exceeded(limits: Limits) -> str:
    return per(f"({each(limits)}) > 1", OF_VERSION, "count")


def in_trouble() -> str:
    """Return how many versions exceed a limit."""
    return f"count(({broken()}) > 0) or vector(0)"


def _named(metric: str) -> str:
    return f'metric="{metric}"'
