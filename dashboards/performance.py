"""The Performance dashboard: measured performance of the models, against their baseline and their estimate."""

from typing import Any

from dashboards import metrics, performance_truth, variables
from dashboards.assembly import Dashboard
from dashboards.columns import matrix, side_by_side, table
from dashboards.panels import bar_chart, row, stat, state_timeline, timeseries
from dashboards.promql import limits, truth
from dashboards.promql.selection import highest, in_all, largest, lowest, smallest
from dashboards.queries import VERSION, as_rows, over_time
from dashboards.style import ANY, GREEN, NO_TRUTH, RED, YELLOW, override, said

# The number of models shown in each chart, the worst ones.
MOST = 10
DEGRADED = said("no", "DEGRADED")
FEW = [(None, RED), (0.1, YELLOW), (0.5, GREEN)]


def dashboard() -> Dashboard:
    return Dashboard(
        "performance",
        "Performance",
        "How accurate the models are: measured once labels arrive, estimated until then, and compared with the "
        "baseline of the reference. Look at the coverage first, because few outcomes say little.",
        (*variables.OF_MODELS, variables.FIGURE),
        (
            _now(),
            _against_baseline(),
            _confusion(),
            *performance_truth.rows(),
        ),
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Degraded",
            "Whether accuracy, precision, recall or F1 is below the baseline by more than the tolerance and more than "
            "chance explains. If degraded, see below since when, then look at the Drift dashboard.",
            over_time(highest(truth.any_degraded()), "degraded"),
            "none",
            steps=ANY,
            mappings=DEGRADED,
            empty="no ground truth",
        ),
        stat(
            "Accuracy",
            "Share of correct predictions among the newest that have enough ground truth (see Judged). For several "
            "versions, the lowest is shown.",
            over_time(lowest(truth.accuracy()), "accuracy"),
            "percentunit",
            decimals=1,
            empty="no ground truth",
        ),
        stat(
            "F1",
            "Harmonic mean of precision and recall, weighted by class. The lowest over versions and pods is shown.",
            over_time(lowest(truth.overall(metrics.F1)), "F1"),
            "percentunit",
            decimals=1,
            empty="no ground truth",
        ),
        stat(
            "AUC",
            "How well the scores separate the classes; 50% is chance. The lowest over versions and pods is shown.",
            over_time(lowest(truth.overall(metrics.AUC)), "AUC"),
            "percentunit",
            decimals=1,
            empty="no ground truth",
        ),
        stat(
            "Outcomes",
            "The newest predictions that have enough ground truth, at least 100. All figures here are computed from "
            "them.",
            over_time(in_all(truth.outcomes()), "outcomes"),
            "short",
            empty="no ground truth",
        ),
        stat(
            "Judged",
            "Age of the newest predictions that have enough ground truth of each class. It is about as long as labels "
            "take to arrive.",
            over_time(highest(truth.judged_age()), "age"),
            "s",
            empty="no ground truth",
        ),
        stat(
            "Ground-truth coverage",
            "Share of the window's predictions that have ground truth. If it is low in a short window, ground truth "
            "is late; if it is low in a long window, ground truth does not arrive.",
            over_time(lowest(truth.coverage()), "covered"),
            "percentunit",
            decimals=0,
            steps=FEW,
            empty="no ground truth",
        ),
    )


def _against_baseline() -> Any:
    return row(
        "Against the baseline, and the estimate",
        timeseries(
            "Accuracy",
            "Accuracy measured, estimated from scores (with two standard errors on either side), and in the reference "
            "(baseline); the dashed line is the lowest accuracy allowed. If the estimate falls first, expect the "
            "measured accuracy to follow.",
            [
                over_time(smallest(MOST, truth.accuracy()), f"measured · {VERSION}"),
                over_time(smallest(MOST, truth.baseline("accuracy")), f"baseline · {VERSION}"),
                over_time(smallest(MOST, truth.estimated(metrics.ESTIMATED_ACCURACY)), f"estimated · {VERSION}"),
                over_time(smallest(MOST, truth.estimate_bound("-")), f"estimated, lower bound · {VERSION}"),
                over_time(smallest(MOST, truth.estimate_bound("+")), f"estimated, upper bound · {VERSION}"),
                over_time(limits.one_limit(limits.ACCURACY_LIMIT), "limit"),
            ],
            "percentunit",
            least=None,
            width=12,
            height=9,
            empty=NO_TRUTH,
        ),
        timeseries(
            "F1 and AUC",
            "F1 and AUC measured and estimated, and the baseline of F1, on the pod where they are lowest. If F1 falls "
            "but AUC does not, change the decision threshold rather than the model.",
            [
                over_time(smallest(MOST, truth.overall(metrics.F1)), f"F1 · {VERSION}"),
                over_time(smallest(MOST, truth.baseline("f1")), f"F1, baseline · {VERSION}"),
                over_time(
                    smallest(MOST, truth.estimated(metrics.ESTIMATED_F1, truth.WEIGHTED)), f"F1, estimated · {VERSION}"
                ),
                over_time(smallest(MOST, truth.overall(metrics.AUC)), f"AUC · {VERSION}"),
                over_time(smallest(MOST, truth.estimated(metrics.ESTIMATED_AUC)), f"AUC, estimated · {VERSION}"),
            ],
            "percentunit",
            least=None,
            height=9,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Drop from the baseline",
            "How far each metric is below its baseline; the dashed line is the tolerance, if "
            "`thresholds.performance_tolerance` is set. If a metric stays above it, retrain or roll back.",
            [
                over_time(largest(20, truth.drops()), "{{metric}} · {{model_name}} {{model_version}}"),
                over_time(limits.one_limit(limits.TOLERANCE_LIMIT), "limit"),
            ],
            "percentunit",
            least=None,
            width=12,
            empty=NO_TRUTH,
        ),
        state_timeline(
            "Degraded over time",
            "Red while a metric is below its baseline by more than the tolerance and more than chance explains.",
            [over_time(largest(20, truth.degraded()), "{{metric}} · {{model_name}} {{model_version}}")],
            "none",
            steps=ANY,
            mappings=DEGRADED,
            width=12,
            height=8,
            empty=NO_TRUTH,
        ),
    )


def _confusion() -> Any:
    return row(
        "Which mistakes?",
        table(
            "Confusion: actual by row, predicted by column",
            "Number of outcomes for each pair of actual and predicted class in the window, over all pods. Choose a "
            "single model; cells off the diagonal are mistakes, so look at the dark ones first.",
            [as_rows(truth.confusion())],
            transformations=matrix("actual", "predicted"),
            steps=[(None, "transparent"), (1.0, "super-light-blue"), (100.0, "light-blue"), (1000.0, "blue")],
            display="color-background",
            unit="none",
            overrides=[override("byType", "number", decimals=0)],
            width=8,
            height=9,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Precision and recall by class",
            "Precision is the share of predictions of a class that are correct; recall is the share of records of a "
            "class that are predicted as such. If only one class falls, look at the records of that class.",
            [
                over_time(
                    largest(20, truth.by_class(metrics.PRECISION)),
                    "precision {{class}} · {{model_name}} {{model_version}}",
                ),
                over_time(
                    largest(20, truth.by_class(metrics.RECALL)), "recall {{class}} · {{model_name}} {{model_version}}"
                ),
            ],
            "percentunit",
            width=8,
            height=9,
            empty=NO_TRUTH,
        ),
        bar_chart(
            "Calibration",
            "Mean confidence and accuracy of the predictions in each bin of probability. Where accuracy is the lower "
            "bar, the model is overconfident.",
            [
                as_rows(truth.reliability(metrics.RELIABILITY_CONFIDENCE)),
                as_rows(truth.reliability(metrics.RELIABILITY_ACCURACY)),
            ],
            "percentunit",
            x="bin",
            transformations=side_by_side("bin", ["confidence", "accuracy"]),
            width=8,
            height=9,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Calibration error, Brier score and log loss",
            "How far probabilities are from actual outcomes; lower is better. If they rise while accuracy stays the "
            "same, probabilities are no longer reliable: recalibrate the model.",
            [
                over_time(largest(MOST, truth.measured(metrics.CALIBRATION_ERROR)), f"calibration error · {VERSION}"),
                over_time(largest(MOST, truth.measured(metrics.BRIER_SCORE)), f"Brier score · {VERSION}"),
                over_time(largest(MOST, truth.measured(metrics.LOG_LOSS)), f"log loss · {VERSION}"),
            ],
            "none",
            width=16,
            empty=NO_TRUTH,
        ),
        bar_chart(
            "Outcomes by probability",
            "Number of outcomes in each bin of probability. Ignore the calibration of bins with few outcomes.",
            [as_rows(truth.reliability_samples())],
            "short",
            x="bin",
            transformations=side_by_side("bin", ["outcomes"]),
            width=8,
            empty=NO_TRUTH,
        ),
    )
