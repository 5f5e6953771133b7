"""Alerts of performance: as measured with ground truth, as estimated without, and whether truth comes at all."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.alert import PERCENT, TWO_DIGITS, Alert, Look, limit_of, of_version, value
from alerts.limits import LIMIT, below
from alerts.models import ENOUGH, SERVED, half_of_pods, where_known_since
from alerts.promql import VERSION, by
from alerts.rules import ALERT_INTERVAL, Group, Recording, RuleFile

WINDOW = (*VERSION, "window")
OUTCOMES = "model_version_window:model_window_outcomes:sum"
ACCURACY = "model_version_window:model_accuracy:mean"
ESTIMATED = "model_version:model_estimated_accuracy:median1h"
ESTIMATED_ERROR = "model_version:model_estimated_accuracy_stderr:median1h"
DEGRADED = "model_version_metric:model_performance_drop:degraded"
REGRESSION = "mae|rmse|mape"
ERROR_OF = "model_version_metric:model_regression_error:median24h"
# Windows that are judged; the second is for models whose truth is slow or rare.
JUDGED = "1h|24h"


def file() -> RuleFile:
    return RuleFile(
        "performance",
        "performance",
        "Performance against ground truth, and alerts on it. Needs models.yaml, and sidecars with `ground_truth`.",
        (
            Group("model-performance", (*_recorded(),), 50_000, "30s"),
            Group("model-performance-alerts", (*_alerts(),), 5_000, ALERT_INTERVAL),
        ),
    )


def _recorded() -> Iterator[Recording]:
    outcomes = f'model_window_outcomes{{window=~"{JUDGED}"}}'
    yield Recording(OUTCOMES, f"sum by ({by(WINDOW)}) ({outcomes})", "Predictions with their truth, over all pods.")
    yield Recording(
        ACCURACY,
        f"sum by ({by(WINDOW)}) (model_accuracy * {outcomes})\n/ ({OUTCOMES} > 0)",
        "Accuracy over all pods: the mean of theirs by outcomes, which is that of all outcomes together.",
    )
    estimated = 'model_estimated_accuracy{window="1h"}'
    yield Recording(ESTIMATED, f"quantile by ({by(VERSION)}) (0.5, {estimated})", "Estimated accuracy, median of pods.")
    stderr = 'model_estimated_stderr{window="1h", metric="accuracy"}'
    yield Recording(ESTIMATED_ERROR, f"quantile by ({by(VERSION)}) (0.5, {stderr})", "Its standard error.")
    metric = (*VERSION, "metric")
    degraded = f'avg by ({by((*metric, "window"))}) (model_performance_degraded{{window=~"{JUDGED}"}}) >= 0.5'
    yield Recording(
        DEGRADED,
        f"max by ({by(metric)}) (\n"
        f"  quantile by ({by((*metric, 'window'))}) (0.5, model_performance_drop)\n  and {degraded}\n)",
        "How far a metric has fallen below its baseline, where half of the pods say that it is no chance.",
    )
    errors = "\nor ".join(
        f'label_replace(quantile by ({by(VERSION)}) (0.5, model_{name}{{window="24h"}}), "metric", "{name}", "", "")'
        for name in REGRESSION.split("|")
    )
    yield Recording(ERROR_OF, errors, "Errors of a regression model over a day, median of pods.")


def _alerts() -> Iterator[Alert]:
    # Three standard errors of a share below the limit.
    error = f"3 * sqrt({ACCURACY} * (1 - {ACCURACY}) / {OUTCOMES})"
    yield Alert(
        "ModelAccuracyLow",
        "performance",
        "critical",
        expression=f"min by ({by(VERSION)}) (\n{below(f'({ACCURACY} + {error})', 'accuracy')}\n"
        f"and {OUTCOMES} >= {ENOUGH}\n) >= 0",
        pending="5m",
        summary="A model is wrong too often.",
        says=f"{of_version('The accuracy')} measured with ground truth, is below {limit_of('accuracy', PERCENT)}, and "
        "three "
        f"standard errors do not explain it. By window: {Look(ACCURACY).listed(['window'], PERCENT)}.",
        first="First see which class is confused with which, and whether inputs have drifted; consider the version "
        "before.",
        value=Look(ACCURACY).one(PERCENT, "min(%s)"),
        dashboard="performance",
        limit=limit_of("accuracy", PERCENT),
        keep_firing_for="15m",
        action="retrain",
    )
    listed = Look(DEGRADED).listed(["metric"], TWO_DIGITS)
    yield Alert(
        "ModelPerformanceDegraded",
        "performance",
        "warning",
        expression=f"max by ({by(VERSION)}) ({DEGRADED})\n> 0",
        pending="15m",
        summary="A model is worse than it was, by more than chance.",
        says=f"{of_version('Performance')} has fallen below its baseline by more than is tolerated and chance "
        f"explains: {listed}.",
        first="First see in which segments and since when, and what was deployed or has drifted then.",
        value=value(TWO_DIGITS),
        dashboard="performance",
        limit=limit_of("performance_tolerance", TWO_DIGITS),
        keep_firing_for="30m",
        action="retrain",
    )
    yield Alert(
        "ModelEstimatedAccuracyLow",
        "performance",
        "warning",
        expression=below(f"({ESTIMATED} + 3 * {ESTIMATED_ERROR})", "accuracy") + "\n" + where_known_since("1h"),
        pending="15m",
        summary="A model is probably wrong too often; the truth is not there yet.",
        says=f"{of_version('The accuracy')} as its own probabilities let one estimate it, is "
        f"{Look(ESTIMATED).one(PERCENT)}; the limit is {limit_of('accuracy', PERCENT)}.",
        first="First see whether inputs have drifted, and get labels for a sample of the last hours.",
        value=Look(ESTIMATED).one(PERCENT),
        dashboard="performance",
        limit=limit_of("accuracy", PERCENT),
        keep_firing_for="30m",
    )
    yield Alert(
        "ModelConceptDrift",
        "performance",
        "warning",
        expression=half_of_pods("model_concept_drift"),
        pending="5m",
        summary="A model's error rate has risen for good.",
        says=f"{of_version('The error rate')} has risen within the last day, by more than chance: what was learnt no "
        "longer holds.",
        first="First see what has changed in the world or in how labels are made, then train anew.",
        value="risen",
        dashboard="performance",
        keep_firing_for="1h",
        action="retrain",
    )
    limits = Look(LIMIT, f'metric=~"{REGRESSION}"').listed(["metric"], "humanize")
    yield Alert(
        "ModelRegressionErrorHigh",
        "performance",
        "warning",
        expression=f"max by ({by(VERSION)}) (\n{ERROR_OF} > {LIMIT}\n) > 0",
        pending="15m",
        summary="A model's numbers are too far from the truth.",
        says=f"{of_version('The error')} over the last day is over the limit that its owner has set: "
        f"{Look(ERROR_OF).listed(['metric'], 'humanize')}; limits: {limits}.",
        first="First see whether it is one-sided (bias), and whether inputs have drifted.",
        value=value("humanize"),
        dashboard="performance",
        keep_firing_for="30m",
    )
    joined = f"sum by ({by(VERSION)}) (increase(model_outcomes_total[{{}}]))"
    yield Alert(
        "ModelGroundTruthStopped",
        "performance",
        "warning",
        expression=f"{joined.format('6h')} == 0\n"
        f"and (sum by ({by(VERSION)}) (increase(model_outcomes_total[1d] offset 6h)) >= {4 * ENOUGH})\n"
        f"and {SERVED} > 0",
        pending="30m",
        summary="No more ground truth comes in for a model.",
        says=f"{of_version('No prediction')} has been joined with its truth for six hours, though many were the day "
        "before: its accuracy is no longer known.",
        first="First look at the job that writes labels, and whether request ids still match.",
        value="0 outcomes",
        dashboard="performance",
    )
