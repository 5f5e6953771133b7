"""Rows of the Segments dashboard: accuracy and business figures by segment."""

from collections.abc import Sequence
from typing import Any

from dashboards.columns import VERSION_LABELS, joined, table
from dashboards.panels import row, timeseries
from dashboards.promql import business, limits, segments
from dashboards.promql.selection import largest, largest_first, smallest
from dashboards.queries import SEGMENT, as_rows, over_time
from dashboards.style import NO_TRUTH

NO_BUSINESS = "No segments, or no `business` figure of this name is configured."
OUTCOME_LABELS = {
    "segment": "Segment",
    "segment_value": "Value",
    "predicted": "Predicted",
    "actual": "Actual",
} | VERSION_LABELS


def rows() -> Sequence[Any]:
    return (_truth(), _business())


def _truth() -> Any:
    return row(
        "Accuracy by segment",
        timeseries(
            "Accuracy",
            "Share of correct predictions among those with ground truth, by segment, over all pods, for the 20 "
            "lowest; the dashed line is the model's limit. If one segment is far below the others, the model has not "
            "learnt it well.",
            [
                over_time(smallest(20, segments.accuracy()), SEGMENT),
                over_time(limits.one_limit(limits.ACCURACY_LIMIT), "limit"),
            ],
            "percentunit",
            least=None,
            most=1,
            width=8,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Mean absolute error",
            "Of values, by segment, over all pods, for the 20 highest, in units of the predictions. Segments with "
            "larger values usually have larger errors: compare each with its own past.",
            [over_time(largest(20, segments.mae()), SEGMENT)],
            "short",
            width=8,
            empty=f"Predictions are classes. Or: {NO_TRUTH}",
        ),
        timeseries(
            "Outcomes",
            "Predictions in the window that have ground truth, by segment; with fewer than a few hundred, accuracy is "
            "mostly noise. If only one segment has none, its ground truth is late or lost.",
            [over_time(largest(20, segments.outcomes()), SEGMENT)],
            "short",
            width=8,
            empty=NO_TRUTH,
        ),
        table(
            "Actual and predicted",
            "Most frequent pairs of actual and predicted class in the window, as a share of the segment's outcomes. "
            "Look for mistakes that only one segment has.",
            [as_rows(largest_first(largest(100, segments.confusion())))],
            transformations=joined(OUTCOME_LABELS, ["Share"]),
            sort=("Share", True),
            unit="percentunit",
            height=8,
            empty=NO_TRUTH,
        ),
    )


def _business() -> Any:
    return row(
        "Business by segment",
        timeseries(
            "$figure: records by segment",
            "Predictions or ground-truth records per second that contain the chosen business figure, by segment. If "
            "it falls while requests do not, the field is no longer logged.",
            [over_time(largest(20, business.BY_SEGMENT.records()), SEGMENT)],
            "cps",
            width=8,
            empty=NO_BUSINESS,
        ),
        timeseries(
            "$figure: sum by segment",
            "Net sum of the figure per second, such as revenue, by segment. If only one segment falls, look at its "
            "traffic and accuracy.",
            [over_time(largest(20, business.BY_SEGMENT.sum()), SEGMENT)],
            "short",
            least=None,
            width=8,
            empty=NO_BUSINESS,
        ),
        timeseries(
            "$figure: mean by segment",
            "Mean of the figure in the window, by segment: the value of one decision.",
            [over_time(largest(20, business.BY_SEGMENT.mean()), SEGMENT)],
            "short",
            least=None,
            width=8,
            empty=NO_BUSINESS,
        ),
        folded=True,
    )
