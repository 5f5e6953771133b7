"""Cases of the alerts of performance."""

from tests.alerts.timeline import Case, Level, Rate, Shape, of, thresholds


def gauge(name: str, value: float, labels: str = 'window="1h"') -> dict[str, Shape]:
    return {of(name, labels): Level(value)}


def dropped(value: float, degraded: float) -> dict[str, Shape]:
    labels = 'metric="f1",window="24h"'
    return gauge("model_performance_drop", value, labels) | gauge("model_performance_degraded", degraded, labels)


OUTCOMES = of("model_outcomes_total", 'predicted="approve",actual="approve"')
STDERR = 'window="1h",metric="accuracy"'

CASES = [
    Case(
        "ModelAccuracyLow",
        healthy=gauge("model_accuracy", 0.9) | gauge("model_window_outcomes", 400),
        fault=gauge("model_accuracy", 0.7),
        # Three standard errors of 0.021.
        near=gauge("model_accuracy", 0.76),
        summary="Accuracy is 70%, below the limit of 80%.",
        says="The accuracy of credit, version 3, measured with ground truth, is below the limit of 80% by more than "
        "chance explains (three standard errors). Accuracy by window: 1h 70%. First see which classes are "
        "confused, and whether inputs have drifted; consider a rollback to the previous version.",
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
        healthy=gauge("model_estimated_accuracy", 0.9) | gauge("model_estimated_stderr", 0.01, STDERR),
        fault=gauge("model_estimated_accuracy", 0.75),
        near=gauge("model_estimated_accuracy", 0.775),
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
        says="Within the last day, the error rate of credit, version 3, has risen by more than chance explains: the "
        "relationship between inputs and outcomes has changed. First find out whether the world or the way "
        "labels are made has changed, then retrain.",
    ),
    Case(
        "ModelRegressionErrorHigh",
        healthy=thresholds(mae=10, rmse=20)
        | gauge("model_mae", 5, 'window="24h"')
        | gauge("model_mape", 9, 'window="24h"'),
        fault=gauge("model_mae", 12.5, 'window="24h"'),
        # Of the percentage error no limit is set.
        near=gauge("model_mae", 9.9, 'window="24h"') | gauge("model_mape", 99, 'window="24h"'),
        summary="The error of the predictions is above its limit: mae 12.5.",
        says="In the last day, the error of credit, version 3, was above the limit. Errors: mae 12.5. Limits: mae 10. "
        "First see whether the error is one-sided (bias), and whether inputs have drifted.",
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
]
