"""The values of segments in a window: how much was served, how well, and what has drifted most."""

from __future__ import annotations

import math

import msgspec

from exporter.batch import SegmentSeries
from exporter.derived.segments import SegmentAccuracy, SegmentDrift
from exporter.derived.view import WindowTallies
from exporter.stats.label_counts import LabelCounts
from exporter.status.selection import Selection, ratio


class SegmentValueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What was served to one value of a segment in the window. `accuracy` is NaN without ground truth.

    `most_drifted` is the feature with the largest PSI, null with too few records.
    """

    value: str
    requests: int
    errors: int
    error_ratio: float
    accuracy: float
    most_drifted: str | None
    psi: float


class SegmentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A segment and its values, the busiest first."""

    name: str
    values: list[SegmentValueStatus]


def segments(selection: Selection) -> list[SegmentStatus]:
    """Return each segment with its values, without those that had no requests."""
    found: dict[str, list[SegmentValueStatus]] = {}
    for window in selection.view.segments:
        is_selected = window.series[: len(selection.series)] == selection.series
        if is_selected and window.label == selection.window.label:
            value = _value(selection, window)
            if value.requests:
                found.setdefault(window.series.segment, []).append(value)
    return [
        SegmentStatus(name=name, values=sorted(values, key=lambda each: (-each.requests, each.value)))
        for name, values in found.items()
    ]


def _value(selection: Selection, window: WindowTallies[SegmentSeries]) -> SegmentValueStatus:
    measures = selection.measures
    predictions, errors = (
        int(window[measures.one(LabelCounts, column=name)].sum()) for name in ("prediction", "error")
    )
    accuracy = measures.find(SegmentAccuracy)
    drift = measures.find(SegmentDrift)
    drifts = drift.psi(window) if drift else {}
    most_drifted = max(drifts, key=drifts.__getitem__, default=None)
    return SegmentValueStatus(
        value=window.series.segment_value,
        requests=predictions + errors,
        errors=errors,
        error_ratio=ratio(errors, predictions + errors),
        accuracy=accuracy.accuracy(window) if accuracy else math.nan,
        most_drifted=most_drifted,
        psi=drifts[most_drifted] if most_drifted is not None else math.nan,
    )
