"""Rows of the dashboard of segments: how good the models are for each, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.columns import VERSION_LABELS, joined, table
from dashboards.panels import row, timeseries
from dashboards.promql import limits, segments
from dashboards.promql.selection import largest, largest_first, smallest
from dashboards.queries import SEGMENT, as_rows, over_time
from dashboards.style import NO_TRUTH

NO_BUSINESS = "No `business` figures are configured, or none of the chosen name, or no segments."
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
        "How good by segment",
        timeseries(
            "Accuracy",
            "Right predictions of those whose truth is known, by segment, over all pods, the 20 lowest; dashed: the "
            "model's limit. One far below the others: the model has not learnt these.",
            [
                over_time(smallest(20, segments.accuracy()), SEGMENT),
                over_time(limits.one_limit(limits.ACCURACY_LIMIT), "limit"),
            ],
            "percentunit",
            least=None,
            most=1,
            width=7,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Outcomes",
            "Predictions of the window whose truth is known, by segment. Under some hundreds, accuracy is noise; none, "
            "beside others that have many: the truth of this segment is late, or lost.",
            [over_time(largest(20, segments.outcomes()), SEGMENT)],
            "short",
            width=7,
            empty=NO_TRUTH,
        ),
        table(
            "Actual and predicted",
            "The most frequent pairs of actual and predicted class in the window, as shares of the segment's "
            "outcomes. A mistake that one segment has and others have not is the one to understand.",
            [as_rows(largest_first(largest(100, segments.confusion())))],
            transformations=joined(OUTCOME_LABELS, ["Share"]),
            sort=("Share", True),
            unit="percentunit",
            width=10,
            height=8,
            empty=NO_TRUTH,
        ),
    )


def _business() -> Any:
    return row(
        "Business by segment",
        timeseries(
            "$figure: records by segment",
            "Predictions, or truths, a second that have the chosen business figure, by segment. A fall that requests "
            "do not have: the field is no longer logged.",
            [over_time(largest(20, segments.business_rate("count")), SEGMENT)],
            "cps",
            width=8,
            empty=NO_BUSINESS,
        ),
        timeseries(
            "$figure: sum by segment",
            "The figure a second, such as revenue, by segment. One that falls alone is where customers are lost.",
            [over_time(largest(20, segments.business_rate("sum")), SEGMENT)],
            "short",
            width=8,
            empty=NO_BUSINESS,
        ),
        timeseries(
            "$figure: mean by segment",
            "What a decision is worth: the mean of the figure in the window, by segment.",
            [over_time(largest(20, segments.business_mean()), SEGMENT)],
            "short",
            least=None,
            width=8,
            empty=NO_BUSINESS,
        ),
        folded=True,
    )
