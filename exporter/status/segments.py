"""What a window holds of each value of a segment: how much was served, how well, and what has drifted most."""

from __future__ import annotations

from collections import defaultdict

from exporter.status.breakdown import Segment, SegmentValue
from exporter.status.figures import NAN, Figures, ratio

LABELS = ("segment", "segment_value")
Key = tuple[str, ...]


def segments(figures: Figures) -> list[Segment]:
    """Return each segment with its values; those that nothing was served to are left out."""
    served, failed = (_sums(figures, f"model_segment_{name}_total") for name in ("predictions", "prediction_errors"))
    accuracy = dict(figures.rows("model_segment_accuracy", *LABELS))
    drifted = _most_drifted(figures)
    found: defaultdict[str, list[SegmentValue]] = defaultdict(list)
    for key in served | failed:
        errors = int(failed.get(key, 0))
        if not (requests := int(served.get(key, 0)) + errors):
            continue
        feature, psi = drifted.get(key, (None, NAN))
        found[key[0]].append(
            SegmentValue(
                value=key[1],
                requests=requests,
                errors=errors,
                error_ratio=ratio(errors, requests),
                accuracy=accuracy.get(key, NAN),
                most_drifted=feature,
                psi=psi,
            )
        )
    return [
        Segment(name=name, values=sorted(values, key=lambda each: (-each.requests, each.value)))
        for name, values in found.items()
    ]


def _sums(figures: Figures, name: str) -> dict[Key, float]:
    sums: defaultdict[Key, float] = defaultdict(float)
    for key, value in figures.rows(name, *LABELS):
        sums[key] += value
    return sums


def _most_drifted(figures: Figures) -> dict[Key, tuple[str, float]]:
    most: dict[Key, tuple[str, float]] = {}
    for (*key, feature), psi in figures.rows("model_segment_feature_drift_psi", *LABELS, "feature_name"):
        if psi > most.get(tuple(key), ("", -1.0))[1]:
            most[tuple(key)] = (feature, psi)
    return most
