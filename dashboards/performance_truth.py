"""Rows of the Performance dashboard: ground truth, error-rate and label drift, regression and business figures."""

from collections.abc import Sequence
from typing import Any

from dashboards import metrics
from dashboards.panels import row, state_timeline, timeseries
from dashboards.promql import business, sidecar, truth
from dashboards.promql.selection import largest, smallest
from dashboards.queries import VERSION, over_time
from dashboards.style import ANY, NO_TRUTH, said

MOST = 10
NO_REGRESSION = "Not a regression model, or no ground truth in this window."
NO_BUSINESS = "No `business` figure of this name is configured."
BY_CLASS = "{{prediction_class}} · {{model_name}} {{model_version}}"


def rows() -> Sequence[Any]:
    return (_truth(), _change(), _regression(), _business())


def _truth() -> Any:
    return row(
        "Ground truth",
        timeseries(
            "Coverage",
            "Share of the window's predictions that have ground truth. If it falls, check the labelling job.",
            [over_time(smallest(MOST, truth.coverage()))],
            "percentunit",
            most=1,
            width=8,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Delay",
            "Time until ground truth arrived: median and p95. Figures are of predictions that are about this old.",
            [
                over_time(largest(MOST, truth.delay(quantile)), f"p{100 * quantile:.0f} · {VERSION}")
                for quantile in (0.5, 0.95)
            ],
            "s",
            width=8,
            empty="No ground truth has arrived recently.",
        ),
        timeseries(
            "Joins",
            "Results of joining predictions with ground truth, per second. If both `expired` and `orphaned` rise, IDs "
            "differ between the two logs, or `ground_truth.wait` is too short.",
            [over_time(sidecar.joins(), "{{result}}")],
            "cps",
            width=8,
            empty="`ground_truth` is not configured.",
        ),
    )


def _change() -> Any:
    return row(
        "Error rate and label drift",
        state_timeline(
            "Error rate drift",
            "Red if the model is wrong more often than on the days before, by more than days differ anyway. Either the "
            "inputs have become harder, or they mean something else now.",
            [over_time(largest(20, truth.error_rate_drift()))],
            "none",
            steps=ANY,
            width=12,
            height=8,
            mappings=said("no", "risen"),
            empty=NO_TRUTH,
        ),
        timeseries(
            "Label drift",
            "PSI of the ground truth against the reference. If it rises, the population has changed, independently of "
            "the model.",
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
            "Mean absolute error (measured, estimated and in the reference), root mean squared error and bias, in the "
            "unit of the target. If the estimate rises first, expect the measured error to follow; if bias is above 0, "
            "predictions are too high; if RMSE is far above MAE, there are a few large errors.",
            [
                over_time(largest(MOST, truth.measured(metrics.MAE)), f"MAE · {VERSION}"),
                over_time(largest(MOST, truth.baseline("mae")), f"MAE, baseline · {VERSION}"),
                over_time(largest(MOST, truth.estimated_error()), f"MAE, estimated · {VERSION}"),
                over_time(largest(MOST, truth.measured(metrics.RMSE)), f"RMSE · {VERSION}"),
                over_time(largest(MOST, truth.measured(metrics.BIAS)), f"bias · {VERSION}"),
            ],
            "short",
            least=None,
            width=8,
            empty=NO_REGRESSION,
        ),
        timeseries(
            "R² and mean percentage error",
            "R² is the share of variance that the model explains; below 0, a constant would be better. MAPE is the "
            "mean absolute error as a share of the actual value.",
            [
                over_time(smallest(MOST, truth.measured(metrics.R2)), f"R² · {VERSION}"),
                over_time(largest(MOST, truth.measured(metrics.MAPE)), f"MAPE · {VERSION}"),
            ],
            "percentunit",
            least=None,
            width=8,
            empty=NO_REGRESSION,
        ),
        timeseries(
            "Residuals",
            "Quantiles of prediction minus ground truth. If all move up or down, predictions are biased; if they move "
            "apart, predictions are less precise.",
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
            "Predictions or ground-truth records per second that contain the chosen business figure, by predicted "
            "class. If it falls while requests do not, the field is no longer logged.",
            [over_time(largest(20, business.BY_CLASS.records()), BY_CLASS)],
            "cps",
            width=8,
            empty=NO_BUSINESS,
        ),
        timeseries(
            "$figure: sum by class",
            "Net sum of the figure per second, such as revenue, by predicted class. It usually changes last; look for "
            "the cause in the panels above.",
            [over_time(largest(20, business.BY_CLASS.sum()), BY_CLASS)],
            "short",
            least=None,
            width=8,
            empty=NO_BUSINESS,
        ),
        timeseries(
            "$figure: mean by class",
            "Mean of the figure in the window, by predicted class: the value of one decision.",
            [over_time(largest(20, business.BY_CLASS.mean()), BY_CLASS)],
            "short",
            least=None,
            width=8,
            empty=NO_BUSINESS,
        ),
        folded=True,
    )
