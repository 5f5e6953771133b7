"""What was served in a window by predicted class, by business figure, and by value of a segment."""

import math

import msgspec

from exporter.batch import SegmentSeries
from exporter.derived.segments import SegmentAccuracy, SegmentDrift, SegmentErrors
from exporter.derived.view import WindowTallies
from exporter.stats import SERIES
from exporter.stats.business import Business
from exporter.stats.label_counts import LabelCounts
from exporter.status.selection import Selection, ratio
from exporter.status.variables import Bin, VariableStatus

MOST_CLASSES = 20


class ClassShare(Bin, frozen=True, kw_only=True):
    """A predicted class, as a bin of the predictions, and its count in the window."""

    count: int


class AmountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of the window had an amount, and their net sum and mean."""

    count: int
    sum: float
    mean: float


class BusinessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A business figure in the window, over all predicted classes and by class."""

    name: str
    total: AmountStatus
    classes: dict[str, AmountStatus]


class SegmentValueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one value of a segment in the window. `accuracy` and `mae` are NaN without ground truth.

    `most_drifted` is the feature with the largest PSI, null with too few records.
    """

    value: str
    requests: int
    errors: int
    error_ratio: float
    accuracy: float
    mae: float
    most_drifted: str | None
    psi: float


class SegmentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A segment and its values, the busiest first."""

    name: str
    values: list[SegmentValueStatus]


def classes(selection: Selection, prediction: VariableStatus | None) -> list[ClassShare]:
    """Return the classes, those of the window first by count; those after MOST_CLASSES are summed up as one.

    `prediction` describes the reference's predictions, if it has any; the bins of a regression model are not classes.
    """
    counts = selection.counts("prediction")
    reference = {each.name: each.reference_share for each in prediction.bins} if prediction else {}
    has_reference = any(name in counts for name in reference)
    total = sum(counts.values())
    shares = [
        ClassShare(
            name=name,
            count=int(counts[name]),
            share=ratio(counts[name], total),
            reference_share=reference.get(name, 0.0) if has_reference else math.nan,
        )
        for name in sorted(counts, key=lambda name: (-counts[name], -reference.get(name, 0.0), name))
    ]
    if rest := shares[MOST_CLASSES:]:
        others = ClassShare(
            name=f"{len(rest)} others",
            count=sum(each.count for each in rest),
            share=sum(each.share for each in rest),
            reference_share=sum(each.reference_share for each in rest),
        )
        shares[MOST_CLASSES:] = [others]
    return shares


def business(selection: Selection) -> list[BusinessStatus]:
    """Return the business figures of the configuration."""
    figures = selection.measures.every(Business, scope=SERIES, is_negative=False)
    return [_figure(selection, figure.amount) for figure in figures]


def _figure(selection: Selection, amount: str) -> BusinessStatus:
    positive, negative = (
        figure.amounts(selection.tallies[figure], selection.tallies.names)
        for figure in selection.measures.every(Business, scope=SERIES, amount=amount)
    )
    classes = {name: _amount(counts[-1], total - negative[name][1]) for name, (counts, total) in positive.items()}
    count, total = sum(each.count for each in classes.values()), sum(each.sum for each in classes.values())
    return BusinessStatus(name=amount, total=_amount(count, total), classes=classes)


def _amount(count: float, total: float) -> AmountStatus:
    return AmountStatus(count=int(count), sum=total, mean=ratio(total, count))


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
    accuracy, errors_of_values = measures.find(SegmentAccuracy), measures.find(SegmentErrors)
    drift = measures.find(SegmentDrift)
    drifts = drift.psi(window) if drift else {}
    most_drifted = max(drifts, key=drifts.__getitem__, default=None)
    return SegmentValueStatus(
        value=window.series.segment_value,
        requests=predictions + errors,
        errors=errors,
        error_ratio=ratio(errors, predictions + errors),
        accuracy=accuracy.accuracy(window) if accuracy else math.nan,
        mae=errors_of_values.errors(window).get("mae", math.nan) if errors_of_values else math.nan,
        most_drifted=most_drifted,
        psi=drifts[most_drifted] if most_drifted is not None else math.nan,
    )
