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
        says="The accuracy of credit, version 3, measured with ground truth, is below 80%, and three standard errors "
        "do not "
        "explain it. By window: 1h 70%. First see which class is confused with which, and whether inputs have drifted; "
        "consider the version before.",
        value="70%",
        limit="80%",
    ),
    Case(
        "ModelPerformanceDegraded",
        healthy=dropped(0.01, 0) | thresholds(performance_tolerance=0.05),
        fault=dropped(0.08, 1),
        near=dropped(0.08, 0),
        says="Performance of credit, version 3, has fallen below its baseline by more than the tolerance, and by "
        "more than chance explains: f1 0.08. First see in which segments and since when, and what was "
        "deployed or has drifted then.",
        value="0.08",
        limit="0.05",
    ),
    Case(
        "ModelEstimatedAccuracyLow",
        healthy=gauge("model_estimated_accuracy", 0.9) | gauge("model_estimated_stderr", 0.01, STDERR),
        fault=gauge("model_estimated_accuracy", 0.75),
        near=gauge("model_estimated_accuracy", 0.775),
        says="The accuracy of credit, version 3, estimated from its own probabilities, is 75%; the limit is 80%. "
        "First see whether inputs have drifted, and get labels for a sample of the last hours.",
        value="75%",
        limit="80%",
    ),
    Case(
        "ModelConceptDrift",
        healthy=gauge("model_concept_drift", 0, ""),
        fault=gauge("model_concept_drift", 1, ""),
        near={},
        says="The error rate of credit, version 3, has risen within the last day, by more than chance: what was "
        "learnt no longer holds. First see what has changed in the world or in how labels are made, then train anew.",
        value="risen",
    ),
    Case(
        "ModelRegressionErrorHigh",
        healthy=thresholds(mae=10, rmse=20)
        | gauge("model_mae", 5, 'window="24h"')
        | gauge("model_mape", 9, 'window="24h"'),
        fault=gauge("model_mae", 12.5, 'window="24h"'),
        # Of the percentage error no limit is set.
        near=gauge("model_mae", 9.9, 'window="24h"') | gauge("model_mape", 99, 'window="24h"'),
        says="The error of credit, version 3, over the last day is over the limit that its owner has set: mae 12.5, "
        "mape 9; "
        "limits: rmse 20, mae 10. First see whether it is one-sided (bias), and whether inputs have drifted.",
        value="12.5",
    ),
    Case(
        "ModelGroundTruthStopped",
        healthy={OUTCOMES: Rate(60)},
        fault={OUTCOMES: Rate(0)},
        near={OUTCOMES: Rate(0.1)},
        begins=400,
        fires=400,
        resolves=20,
        says="No prediction of credit, version 3, has been joined with its truth for six hours, though many were the "
        "day "
        "before: its accuracy is no longer known. First look at the job that writes labels, and whether request ids "
        "still "
        "match.",
        value="0 outcomes",
    ),
]
