"""Rows of the performance dashboard: the truth itself, what has changed, regression and business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards import metrics
from dashboards.panels import row, state_timeline, timeseries
from dashboards.promql import sidecar, truth
from dashboards.promql.selection import largest, smallest
from dashboards.queries import VERSION, over_time
from dashboards.style import ANY, NO_TRUTH, said

MOST = 10
NO_REGRESSION = "Not a regression model, or no ground truth in this window."
NO_BUSINESS = "No `business` figures are configured, or none of the chosen name."
BY_CLASS = "{{prediction_class}} · {{model_name}} {{model_version}}"


def rows() -> Sequence[Any]:
    return (_truth(), _change(), _regression(), _business())


def _truth() -> Any:
    return row(
        "The truth itself",
        timeseries(
            "Coverage",
            "The share of the window's predictions that have their truth. A fall is a labelling job that has stopped.",
            [over_time(smallest(MOST, truth.coverage()))],
            "percentunit",
            most=1,
            width=8,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Delay",
            "How long the truth took to come: half, and 95 of 100. Choose a window that is longer.",
            [
                over_time(largest(MOST, truth.delay(quantile)), f"p{100 * quantile:.0f} · {VERSION}")
                for quantile in (0.5, 0.95)
            ],
            "s",
            width=8,
            empty="No truth has arrived lately.",
        ),
        timeseries(
            "Joins",
            "What became of predictions and truths, a second. Expired and orphaned together: ids differ between the "
            "two logs, or `ground_truth.wait` is too short.",
            [over_time(sidecar.joins(), "{{result}}")],
            "cps",
            width=8,
            empty="`ground_truth` is not configured.",
        ),
    )


def _change() -> Any:
    return row(
        "Concept and labels",
        state_timeline(
            "Concept drift",
            "Red: within the longest window the error rate has risen, by more than chance. The relation of inputs and "
            "truth is not what it was: retrain.",
            [over_time(largest(20, truth.concept_drift()))],
            "none",
            steps=ANY,
            width=12,
            height=8,
            mappings=said("no", "risen"),
            empty=NO_TRUTH,
        ),
        timeseries(
            "Label drift",
            "PSI of the true labels against the reference. Up: the world has changed, whatever the model says.",
            [over_time(largest(10, truth.worst(metrics.LABEL_DRIFT_PSI)))],
            "none",
            empty=NO_TRUTH,
        ),
    )


def _regression() -> Any:
    return row(
        "Regression",
        timeseries(
            "Errors",
            "Mean absolute and root mean squared error, in the target's unit, and bias: above 0 predictions are too "
            "high. RMSE far above MAE: a few large errors.",
            [
                over_time(largest(MOST, truth.worst(metrics.MAE)), f"MAE · {VERSION}"),
                over_time(largest(MOST, truth.worst(metrics.RMSE)), f"RMSE · {VERSION}"),
                over_time(largest(MOST, truth.worst(metrics.BIAS)), f"bias · {VERSION}"),
            ],
            "short",
            least=None,
            width=8,
            empty=NO_REGRESSION,
        ),
        timeseries(
            "R² and mean percentage error",
            "R²: the share of variance that is explained; under 0 a constant would be better. MAPE: the mean error as "
            "a share of the truth.",
            [
                over_time(smallest(MOST, truth.worst(metrics.R2)), f"R² · {VERSION}"),
                over_time(largest(MOST, truth.worst(metrics.MAPE)), f"MAPE · {VERSION}"),
            ],
            "percentunit",
            least=None,
            width=8,
            empty=NO_REGRESSION,
        ),
        timeseries(
            "Residuals",
            "Quantiles of prediction less truth. All up or down: a bias; wider apart: less certain.",
            [over_time(largest(5 * MOST, truth.residuals()), "{{quantile}} · {{model_name}} {{model_version}}")],
            "short",
            least=None,
            width=8,
            empty=NO_REGRESSION,
        ),
        folded=True,
    )


def _business() -> Any:
    return row(
        "Business",
        timeseries(
            "$figure: records by class",
            "Predictions, or truths, a second that have the chosen business figure, by predicted class. A fall that "
            "requests do not have: the field is no longer logged.",
            [over_time(largest(20, truth.business_rate("count")), BY_CLASS)],
            "cps",
            width=8,
            empty=NO_BUSINESS,
        ),
        timeseries(
            "$figure: sum by class",
            "The figure a second, such as revenue, by predicted class. It moves last; what moves it is above.",
            [over_time(largest(20, truth.business_rate("sum")), BY_CLASS)],
            "short",
            width=8,
            empty=NO_BUSINESS,
        ),
        timeseries(
            "$figure: mean by class",
            "What a decision is worth: the mean of the figure in the window, by predicted class.",
            [over_time(largest(20, truth.business_mean()), BY_CLASS)],
            "short",
            least=None,
            width=8,
            empty=NO_BUSINESS,
        ),
        folded=True,
    )
