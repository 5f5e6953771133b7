"""Segments: whether trouble is everyone's, or only of some countries, channels, customers."""

from __future__ import annotations

from typing import Any

from dashboards import segments_truth, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import SEGMENT_LABELS, Columns, coloured, column, joined, table
from dashboards.panels import row, stat, state_timeline, timeseries
from dashboards.promql import limits, segments
from dashboards.promql.selection import highest, largest, number_of
from dashboards.queries import SEGMENT, as_rows, now, over_time
from dashboards.style import GREEN, RED, YELLOW

NO_SEGMENTS = "No segments: name features or fields to split by, `segments: [country]`."
NOT_RECORDED = f"{NO_SEGMENTS} Or the recording rules of alerts/ are not loaded."
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
        "Whether trouble is everyone's, or only of some: traffic, errors, latency, drift and accuracy by the segments "
        "that are configured. Compare a segment with the others, not with itself.",
        (*variables.OF_MODELS, variables.SEGMENT, variables.SEGMENT_VALUE, variables.FIGURE),
        (_now(), _table(), _over_time(), _drift(), _predictions(), *segments_truth.rows()),
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Segments",
            "Values of the chosen segments that have records in the window. Past `limits.segment_values` they are "
            "`other`.",
            over_time(number_of(segments.samples()), "segments"),
            "none",
            width=6,
            empty="no segments",
        ),
        stat(
            "Highest error ratio",
            "Errors of all requests, of the segment with most. The table names it.",
            now(highest(segments.error_ratio()), "highest"),
            "percentunit",
            decimals=2,
            width=6,
            empty="no segments",
        ),
        stat(
            "Slowest p99",
            "p99 of the slowest segment. Far above the model's own: one kind of request is expensive.",
            now(highest(segments.latency(0.99)), "slowest"),
            "s",
            width=6,
            empty="no segments",
        ),
        stat(
            "Largest PSI",
            "PSI of the feature that has moved most in any segment, as a share of the limit. Red, with the model's "
            "own green: drift that hides in the whole.",
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
            "A row for each segment: its traffic and share, errors, latency, the largest PSI of its features, and "
            "accuracy. A row that differs from the others of its segment is the one. Few records: no verdict.",
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
            "Predictions a second by segment, the 20 busiest. One that vanishes is a caller that is cut off.",
            [over_time(largest(20, segments.predictions()), SEGMENT)],
            "reqps",
            stacked=True,
            width=8,
            empty=NO_SEGMENTS,
        ),
        timeseries(
            "Error ratio",
            "Errors of all requests by segment, over all pods, the 20 highest. One alone: its input, not the model.",
            [over_time(largest(20, segments.recorded_error_ratio()), SEGMENT)],
            "percentunit",
            width=8,
            empty=NOT_RECORDED,
        ),
        timeseries(
            "p99 latency",
            "p99 by segment, over all pods, the 20 slowest; dashed: the model's limit. One alone: its requests are "
            "larger.",
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
            "PSI of each feature of each segment as a share of the limit, of the pod where it is largest: yellow from "
            "80%, red from 100%; the 20 that moved most in the time shown.",
            [
                over_time(
                    limits.of_limit(segments.most_drifted(), limits.DRIFT_LIMIT),
                    "{{segment}}={{segment_value}} · {{feature_name}} · {{model_version}}",
                )
            ],
            "percentunit",
            steps=[(None, GREEN), (0.8, YELLOW), (1.0, RED)],
            empty=f"No value under 10 records a bin. {NOT_RECORDED}",
        ),
    )


def _predictions() -> Any:
    return row(
        "What is predicted by segment",
        timeseries(
            "Class mix",
            "Each class's share of a segment's predictions, over all pods. Segments whose mix differs are treated "
            "differently: see that it is meant.",
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
            "Predictions that the window holds, by segment. Under ten a bin there is no PSI.",
            [over_time(largest(20, segments.samples()), SEGMENT)],
            "short",
            empty=NO_SEGMENTS,
        ),
    )
