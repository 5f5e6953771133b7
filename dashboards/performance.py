"""Performance: how good the models are where the truth is known, against their baseline and what is estimated."""

from __future__ import annotations

from typing import Any

from dashboards import metrics, performance_truth, variables
from dashboards.assembly import Dashboard
from dashboards.columns import matrix, side_by_side, table
from dashboards.panels import bar_chart, row, stat, state_timeline, timeseries
from dashboards.promql import limits, truth
from dashboards.promql.selection import highest, in_all, largest, lowest, smallest
from dashboards.queries import VERSION, as_rows, over_time
from dashboards.style import ANY, GREEN, NO_TRUTH, RED, YELLOW, override, said

# Of many models, those with the worst of each figure.
MOST = 10
DEGRADED = said("no", "DEGRADED")
FEW = [(None, RED), (0.1, YELLOW), (0.5, GREEN)]


def dashboard() -> Dashboard:
    return Dashboard(
        "performance",
        "Performance",
        "How good the models are: what is measured where the truth is known, beside the baseline of the reference and "
        "what is estimated until the truth comes. Look at coverage first: of few outcomes nothing follows.",
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
            "Whether accuracy, precision, recall or F1 has dropped below the baseline by more than the tolerance and "
            "than chance. Degraded: see since when below, then the drift dashboard.",
            over_time(highest(truth.any_degraded()), "degraded"),
            "none",
            steps=ANY,
            mappings=DEGRADED,
            empty="no truth",
        ),
        stat(
            "Accuracy",
            "Right predictions of those whose truth is known, in the window; of several versions, the lowest.",
            over_time(lowest(truth.accuracy()), "accuracy"),
            "percentunit",
            decimals=1,
            empty="no truth",
        ),
        stat(
            "F1",
            "The harmonic mean of precision and recall, weighted by class; the lowest of versions and pods.",
            over_time(lowest(truth.overall(metrics.F1)), "F1"),
            "percentunit",
            decimals=1,
            empty="no truth",
        ),
        stat(
            "AUC",
            "How well probabilities tell the classes apart: 50% is chance; the lowest of versions and pods.",
            over_time(lowest(truth.overall(metrics.AUC)), "AUC"),
            "percentunit",
            decimals=1,
            empty="no truth",
        ),
        stat(
            "Outcomes",
            "Predictions of the window whose truth is known: what all figures here are of. Under some hundreds they "
            "are noise.",
            over_time(in_all(truth.outcomes()), "outcomes"),
            "short",
            empty="no truth",
        ),
        stat(
            "Coverage of truth",
            "The share of the window's predictions that have their truth. Low in a short window is delay; low in a "
            "long one, the truth does not arrive.",
            over_time(lowest(truth.coverage()), "covered"),
            "percentunit",
            decimals=0,
            steps=FEW,
            empty="no truth",
        ),
    )


def _against_baseline() -> Any:
    return row(
        "Against the baseline, and the estimate",
        timeseries(
            "Accuracy",
            "Measured, the baseline of the reference, and estimated without truth, with two standard errors around "
            "it; dashed: the limit. If the estimate falls first, the truth will follow.",
            [
                over_time(smallest(MOST, truth.accuracy()), f"measured · {VERSION}"),
                over_time(smallest(MOST, truth.baseline("accuracy")), f"baseline · {VERSION}"),
                over_time(smallest(MOST, truth.estimated(metrics.ESTIMATED_ACCURACY)), f"estimated · {VERSION}"),
                over_time(smallest(MOST, truth.estimate_bound("-")), f"estimated, at least · {VERSION}"),
                over_time(smallest(MOST, truth.estimate_bound("+")), f"estimated, at most · {VERSION}"),
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
            "Measured, estimated and the baseline of F1; of several pods the lowest. AUC well and F1 down: the "
            "cut-off is wrong, not the model.",
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
            "By how much each figure is below its baseline; dashed: the tolerance, if "
            "`thresholds.performance_tolerance` is set. Above it for long: retrain, or roll back.",
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
            "Degraded",
            "Red while a figure is below its baseline by more than the tolerance and than chance.",
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
            "How many predictions of the window came to each pair of actual and predicted class, over all pods. Off "
            "the diagonal are mistakes; a dark cell there is the one to understand. Choose one model.",
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
            "Precision: of what was called this class, how much was. Recall: of what was this class, how much was "
            "called so. A class that falls alone is the one that has changed.",
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
            "For predictions of each bin of probability: how sure the model was, and how often it was right. Where "
            "`right` is the lower bar the model is too sure of itself.",
            [
                as_rows(truth.reliability(metrics.RELIABILITY_CONFIDENCE)),
                as_rows(truth.reliability(metrics.RELIABILITY_ACCURACY)),
            ],
            "percentunit",
            x="bin",
            transformations=side_by_side("bin", ["sure", "right"]),
            width=8,
            height=9,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Calibration error, Brier score and log loss",
            "How far probabilities are from what comes true; less is better. Up with accuracy unchanged: probabilities "
            "can no longer be trusted, calibrate anew.",
            [
                over_time(largest(MOST, truth.worst(metrics.CALIBRATION_ERROR)), f"calibration error · {VERSION}"),
                over_time(largest(MOST, truth.worst(metrics.BRIER_SCORE)), f"Brier score · {VERSION}"),
                over_time(largest(MOST, truth.worst(metrics.LOG_LOSS)), f"log loss · {VERSION}"),
            ],
            "none",
            width=16,
            empty=NO_TRUTH,
        ),
        bar_chart(
            "Outcomes by probability",
            "How many outcomes each bin of probability has. Of a bin with few, calibration says nothing.",
            [as_rows(truth.reliability_samples())],
            "short",
            x="bin",
            transformations=side_by_side("bin", ["outcomes"]),
            width=8,
            empty=NO_TRUTH,
        ),
    )
