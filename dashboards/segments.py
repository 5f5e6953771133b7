"""The Segments dashboard: whether a problem affects everyone, or only some countries, channels or customers."""

from typing import Any

from dashboards import segments_fairness, segments_truth, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import SEGMENT_LABELS, Columns, coloured, column, joined, table
from dashboards.panels import row, stat, state_timeline, timeseries
from dashboards.promql import limits, segments
from dashboards.promql.selection import highest, largest, number_of
from dashboards.queries import SEGMENT, as_rows, now, over_time
from dashboards.style import GREEN, RED, YELLOW

NO_SEGMENTS = "No segments. Configure features or fields to split by, for example `segments: [country]`."
NOT_RECORDED = f"{NO_SEGMENTS} Or are the recording rules in alerts/ not loaded?"
PSI = [(None, GREEN), (0.1, YELLOW), (0.25, RED)]
COLUMNS: Columns = {
    "Predictions": segments.predictions,
    "Share": segments.share,
    "Error ratio": segments.error_ratio,
    "p50": lambda: segments.latency(0.5),
    "p99": lambda: segments.latency(0.99),
    "Largest PSI": segments.largest_psi,
    "Records": segments.samples,
    "Accuracy": segments.accuracy,
    "Outcomes": segments.outcomes,
}


def dashboard() -> Dashboard:
    return Dashboard(
        "segments",
        "Segments",
        "Whether a problem affects everyone or only some: traffic, errors, latency, drift and accuracy by the "
        "configured segments. Drift is measured against the whole reference, so compare a segment with its own past.",
        (*variables.OF_MODELS, variables.SEGMENT, variables.SEGMENT_VALUE, variables.FIGURE),
        (_now(), _table(), _over_time(), _drift(), _predictions(), *segments_truth.rows(), *segments_fairness.rows()),
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Segments",
            "Values of the chosen segments that have records in the window. Values beyond `limits.segment_values` "
            "count as `other`.",
            over_time(number_of(segments.samples()), "segments"),
            "none",
            width=6,
            empty="no segments",
        ),
        stat(
            "Highest error ratio",
            "Errors as a share of all requests, for the segment with the highest ratio. The table shows which one it "
            "is.",
            now(highest(segments.error_ratio()), "highest"),
            "percentunit",
            decimals=2,
            width=6,
            empty="no segments",
        ),
        stat(
            "Slowest p99",
            "p99 latency of the slowest segment. If it is far above the model's own, one kind of request is expensive.",
            now(highest(segments.latency(0.99)), "slowest"),
            "s",
            width=6,
            empty="no segments",
        ),
        stat(
            "Largest PSI",
            "PSI of the feature that has moved most in any segment, as a share of the limit. If it is red while the "
            "model as a whole is green, only a part of the records has drifted.",
            now(highest(limits.of_limit(segments.largest_psi(), limits.DRIFT_LIMIT)), "of the limit"),
            "percentunit",
            decimals=0,
            steps=[(None, GREEN), (0.8, YELLOW), (1.0, RED)],
            width=6,
            empty="too few records",
        ),
    )


def _table() -> Any:
    return row(
        "Which segment?",
        table(
            "Segments",
            "One row per segment: traffic and share, errors, latency, the largest PSI of its features, and accuracy. "
            "Look for a row that differs from the others of its segment, and ignore rows with few records.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(SEGMENT_LABELS, [*COLUMNS]),
            sort=("Largest PSI", True),
            overrides=(
                column("Predictions", unit="reqps"),
                column("Share", unit="percentunit", decimals=1),
                column("Error ratio", unit="percentunit", decimals=2),
                column("p50", unit="s"),
                column("p99", unit="s"),
                coloured("Largest PSI", PSI, decimals=3),
                column("Accuracy", unit="percentunit", decimals=1),
                *(column(title, unit="none", decimals=0) for title in ("Records", "Outcomes")),
            ),
            empty=NO_SEGMENTS,
        ),
    )


def _over_time() -> Any:
    return row(
        "Since when?",
        timeseries(
            "Predictions",
            "Predictions per second by segment, for the 20 busiest. If a segment disappears, its callers may have "
            "been cut off.",
            [over_time(largest(20, segments.predictions()), SEGMENT)],
            "reqps",
            stacked=True,
            width=8,
            empty=NO_SEGMENTS,
        ),
        timeseries(
            "Error ratio",
            "Errors as a share of all requests by segment, over all pods, for the 20 highest. If only one segment is "
            "high, look at its input rather than the model.",
            [over_time(largest(20, segments.recorded_error_ratio()), SEGMENT)],
            "percentunit",
            width=8,
            empty=NOT_RECORDED,
        ),
        timeseries(
            "p99 latency",
            "p99 latency by segment, over all pods, for the 20 slowest; the dashed line is the model's limit. If only "
            "one segment is slow, its requests may be larger.",
            [
                over_time(largest(20, segments.recorded_latency(0.99)), SEGMENT),
                over_time(limits.one_limit(limits.LATENCY_LIMIT), "limit"),
            ],
            "s",
            width=8,
            empty=NOT_RECORDED,
        ),
    )


def _drift() -> Any:
    return row(
        "Drift by segment",
        state_timeline(
            "Features of segments over time",
            "PSI of each feature in each segment as a share of the limit, on the pod where it is largest: yellow from "
            "80%, red from 100%. The 20 that moved most in the time range are shown.",
            [
                over_time(
                    limits.of_limit(segments.most_drifted(), limits.DRIFT_LIMIT),
                    "{{segment}}={{segment_value}} · {{feature_name}} · {{model_version}}",
                )
            ],
            "percentunit",
            steps=[(None, GREEN), (0.8, YELLOW), (1.0, RED)],
            empty=f"No value. There are fewer than 10 records per bin. {NOT_RECORDED}",
        ),
    )


def _predictions() -> Any:
    return row(
        "Predictions by segment",
        timeseries(
            "Class mix",
            "Share of each class in a segment's predictions, over all pods. If segments differ, check that this is "
            "intended.",
            [
                over_time(
                    largest(20, segments.recorded_classes()),
                    "{{segment}}={{segment_value}} {{prediction_class}} · {{model_version}}",
                )
            ],
            "percentunit",
            most=1,
            empty=NOT_RECORDED,
        ),
        timeseries(
            "Records in the window",
            "Predictions in the window, by segment. With fewer than 10 records per bin, there is no PSI.",
            [over_time(largest(20, segments.samples()), SEGMENT)],
            "short",
            empty=NO_SEGMENTS,
        ),
    )
