"""Business figures of a window: how many amounts, their sums and means."""

from __future__ import annotations

import math

import msgspec

from exporter.stats import SERIES
from exporter.stats.business import Business
from exporter.status.selection import Selection, ratio


class AmountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of the window had an amount; `sum` and `mean` are NaN if buckets start below 0."""

    count: int
    sum: float
    mean: float


class BusinessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A business figure in the window, over all predicted classes and by class."""

    name: str
    total: AmountStatus
    classes: dict[str, AmountStatus]


def business(selection: Selection) -> list[BusinessStatus]:
    """Return the business figures of the configuration."""
    return [_figure(selection, figure) for figure in selection.measures.every(Business, scope=SERIES)]


def _figure(selection: Selection, figure: Business) -> BusinessStatus:
    by_class = figure.amounts(selection.tallies[figure], selection.tallies.names)
    classes = {name: _amount(figure, counts[-1], total) for name, (counts, total) in by_class.items()}
    count, total = sum(each.count for each in classes.values()), sum(each.sum for each in classes.values())
    return BusinessStatus(name=figure.amount, total=_amount(figure, count, total), classes=classes)


def _amount(figure: Business, count: float, total: float) -> AmountStatus:
    total = total if figure.has_sum else math.nan
    return AmountStatus(count=int(count), sum=total, mean=ratio(total, count))
