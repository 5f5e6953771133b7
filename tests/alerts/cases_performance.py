"""Cases of the alerts of performance."""

from tests.alerts.cases_drift import bins, even
from tests.alerts.timeline import VERSION_LABELS, Case, Clock, Level, Rate, Shape, of, thresholds


def gauge(name: str, value: float, labels: str = 'window="latest"') -> dict[str, Shape]:
    return {of(name, labels): Level(value)}


def dropped(value: float, degraded: float) -> dict[str, Shape]:
    labels = 'metric="f1",window="latest"'
    found = gauge("model_performance_drop", value, labels) | gauge("model_performance_degraded", degraded, labels)
    return found | gauge("model_window_outcomes", 400)


DAY = 24 * 60
JUDGED = of("model_ground_truth_judged_until_timestamp_seconds")
OUTCOMES = of("model_outcomes_total", 'predicted="approve",actual="approve"')
HOUR = 'window="1h"'
STDERR = 'window="1h",metric="accuracy"'


def approvals(sex: str, a_minute: float) -> dict[str, Shape]:
    """Return sixty predictions per minute for one sex, of which so many are favourable."""
    of_class = {"approve": a_minute, "deny": 60 - a_minute}
    return {
        of("model_segment_predictions_total", f'segment="sex",segment_value="{sex}",prediction_class="{name}"'): Rate(
            rate
        )
        for name, rate in of_class.items()
    }


CASES = [
    Case(
        "ModelAccuracyLow",
        healthy=gauge("model_accuracy", 0.9) | gauge("model_window_outcomes", 400),
        fault=gauge("model_accuracy", 0.7),
        # Three standard errors of 0.021.
        near=gauge("model_accuracy", 0.76),
        summary="Accuracy is 70%, below the limit of 80%.",
        says="The accuracy of credit, version 3, measured with ground truth, is below the limit of 80% by more than "
        "chance explains (three standard errors). This is about 400 predictions, the newest that have enough ground "
        "truth. First see which classes are confused, and whether inputs have drifted; consider a rollback to the "
        "previous version.",
    ),
    Case(
        "ModelPerformanceDegraded",
        healthy=dropped(0.01, 0) | thresholds(performance_tolerance=0.05),
        fault=dropped(0.08, 1),
        near=dropped(0.08, 0),
        summary="Performance has dropped below the baseline: f1 by 0.08.",
        says="The performance of credit, version 3, has fallen below its baseline by more than the tolerance of 0.05, "
        "and by more than chance explains. Drop by metric: f1 0.08. First find out when it began and in which "
        "segments, and what was deployed or has drifted then.",
    ),
    Case(
        "ModelEstimatedAccuracyLow",
        healthy=gauge("model_estimated_accuracy", 0.9, HOUR) | gauge("model_estimated_stderr", 0.01, STDERR),
        fault=gauge("model_estimated_accuracy", 0.75, HOUR),
        near=gauge("model_estimated_accuracy", 0.775, HOUR),
        summary="Estimated accuracy is 75%, below the limit of 80%.",
        says="The accuracy of credit, version 3, estimated from its own probabilities, is 75%; the limit is 80%. "
        "First see whether inputs have drifted, and get ground truth for a sample of the last hours.",
    ),
    Case(
        "ModelErrorRateDrift",
        healthy=gauge("model_error_rate_drift", 0, ""),
        fault=gauge("model_error_rate_drift", 1, ""),
        near={},
        summary="The error rate has risen.",
        says="credit, version 3, is wrong more often than on the days before, by more than days differ anyway. Either "
        "the inputs have become harder, or they mean something else now. First see whether inputs have drifted and "
        "whether the way labels are made has changed.",
    ),
    Case(
        "ModelRegressionErrorHigh",
        healthy=thresholds(mae=10, rmse=20)
        | gauge("model_window_outcomes", 400)
        | gauge("model_mae", 5)
        | gauge("model_mape", 9),
        fault=gauge("model_mae", 12.5),
        # Of the percentage error no limit is set.
        near=gauge("model_mae", 9.9) | gauge("model_mape", 99),
        summary="The error of the predictions is above its limit: mae 12.5.",
        says="The error of credit, version 3, is above the limit for the newest predictions that have ground truth. "
        "Errors: mae 12.5. Limits: mae 10. First see whether the error is one-sided (bias), and whether inputs have "
        "drifted.",
    ),
    Case(
        "ModelGroundTruthLate",
        # The newest predictions that are judged are always new, and then stay the same.
        healthy={JUDGED: Clock(), of("model_version:model_predictions:rate5m", pod=""): Level(1)},
        fault={JUDGED: Level(9 * DAY * 60.0)},
        near={JUDGED: Clock(2 * DAY)},
        begins=9 * DAY,
        fires=2 * DAY + 120,
        resolves=60,
        step=60,
        summary="Performance has not been measured for 2d 2h 0m 0s.",
        says="The newest predictions of credit, version 3, with enough ground truth to measure performance are 2d 2h "
        "0m 0s old, two days more than in any week before. First see whether labels still arrive for each class, and "
        "whether request ids still match.",
    ),
    Case(
        "ModelGroundTruthStopped",
        healthy={OUTCOMES: Rate(60)},
        fault={OUTCOMES: Rate(0)},
        near={OUTCOMES: Rate(0.1)},
        begins=26 * 60,
        fires=400,
        resolves=20,
        summary="Ground truth has stopped arriving.",
        says="No prediction of credit, version 3, has been joined with ground truth for six hours, although "
        "predictions were at this time yesterday, so performance is no longer measured. First see whether the "
        "job that writes labels runs, and whether request ids still match.",
    ),
    Case(
        "ModelDriftHarmful",
        healthy=even("age", "income", "city", "size")
        | thresholds(performance_tolerance=0.05)
        | gauge("model_performance_baseline", 4, 'metric="mae"')
        | gauge("model_estimated_mae", 4, HOUR)
        | gauge("model_estimated_stderr", 0.1, 'window="1h",metric="mae"'),
        fault=bins({"age": (50, 10)}) | gauge("model_estimated_mae", 5, HOUR),
        # Harm alone, and then by less than chance explains.
        near=bins({"age": (50, 10)}) | gauge("model_estimated_mae", 4.3, HOUR),
        also=("ModelFeatureDrift",),
        beside=("ModelFeatureDrift", "ModelFeatureDriftModerate"),
        fires=140,
        resolves=160,
        summary="Inputs have drifted, and the model has become worse.",
        says="credit, version 3, is worse than on its reference data, measured or estimated, while 1 of its features "
        "has drifted: age 0.54. First see whether a source of these features is broken; if not, roll back or retrain.",
    ),
    Case(
        "ModelDisparateImpact",
        healthy=thresholds(disparate_impact=0.8)
        | {of("model_segment_protected", 'segment="sex",prediction_class="approve"'): Level(1)}
        | approvals("f", 30)
        | approvals("m", 30),
        fault=approvals("f", 15),
        near=approvals("f", 26),
        labels={**VERSION_LABELS, "segment": "sex", "segment_value": "f"},
        step=20,
        fires=380,
        resolves=32 * 60,
        summary="Group sex=f gets the favourable class less often than others.",
        says="In the last day, credit, version 3, predicted the favourable class for 30% of sex=f, which is 60% of the "
        "share of the group that gets it most often (limit 80%). First see since when, and whether the groups differ "
        "in what they apply for.",
    ),
]
