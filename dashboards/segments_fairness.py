"""A row of the Segments dashboard: whether protected groups get the favourable class equally often."""

from typing import Any

from dashboards import metrics
from dashboards.columns import SEGMENT_LABELS, coloured, column, joined, table
from dashboards.panels import row, timeseries
from dashboards.promql import limits, segments
from dashboards.promql.selection import smallest
from dashboards.queries import SEGMENT, as_rows, over_time
from dashboards.style import GREEN, RED, YELLOW

NOT_PROTECTED = (
    "No protected segment, or fewer than 100 predictions per group in the last day. Configure `favourable` and "
    "`segments: [{name: sex, protected: true}]`, and load the recording rules in alerts/."
)
NOT_JUDGED = "No protected segment has enough ground truth to be judged."
COLUMNS = {
    "Predictions": metrics.GROUP_PREDICTIONS,
    "Favourable": metrics.FAVOURABLE_SHARE,
    "Impact": metrics.DISPARATE_IMPACT,
    "Parity": metrics.PARITY,
    "± parity": metrics.PARITY_STDERR,
    "Opportunity": metrics.OPPORTUNITY,
    "Difference": metrics.EQUAL_OPPORTUNITY,
    "± difference": metrics.EQUAL_OPPORTUNITY_STDERR,
}
SHARES = [title for title in COLUMNS if title not in ("Predictions", "Impact")]


def rows() -> tuple[Any, ...]:
    return (
        row(
            "Protected groups",
            table(
                "Groups",
                "Each group of a protected segment over the last day, compared with the group of the highest share: "
                "share of favourable predictions, its ratio to the highest (four-fifths rule: at least 0.8), and the "
                "difference; of the judged days, the share of those who deserved it that were predicted as such. ± is "
                "one standard error: differences of less than about three may be chance.",
                [as_rows(segments.of_group(metric)) for metric in COLUMNS.values()],
                transformations=joined(SEGMENT_LABELS, [*COLUMNS]),
                sort=("Impact", False),
                overrides=(
                    column("Predictions", unit="none", decimals=0),
                    coloured("Impact", [(None, RED), (0.8, YELLOW), (0.9, GREEN)], decimals=2),
                    *(column(title, unit="percentunit", decimals=1) for title in SHARES),
                ),
                empty=NOT_PROTECTED,
            ),
            timeseries(
                "Disparate impact",
                "Share of favourable predictions in the last day, divided by that of the group with the highest "
                "share, for the 20 lowest; the dashed line is the limit. It describes decisions, not their causes.",
                [
                    over_time(smallest(20, segments.of_group(metrics.DISPARATE_IMPACT)), SEGMENT),
                    over_time(limits.one_limit(limits.IMPACT_LIMIT), "limit"),
                ],
                "none",
                least=None,
                width=12,
                empty=NOT_PROTECTED,
            ),
            timeseries(
                "Equal opportunity",
                "Of those whose actual class is favourable, the share that was predicted as such, minus the highest "
                "share of any group, for the 20 lowest. If it is far below zero, the model overlooks this group.",
                [over_time(smallest(20, segments.of_group(metrics.EQUAL_OPPORTUNITY)), SEGMENT)],
                "percentunit",
                least=None,
                width=12,
                empty=NOT_JUDGED,
            ),
            folded=True,
        ),
    )
