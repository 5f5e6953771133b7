"""Metric families, to be looked up by name and labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from exporter.batch import Series
from exporter.families import Family
from exporter.histogram_quantile import Buckets

NAN = math.nan


class Figures:
    """The values of one series, or of all where `series` is None; a metric that is not there has no values."""

    def __init__(self, families: Iterable[Family], series: Series | None = None) -> None:
        self._families: Mapping[str, Family] = {family.name: family for family in families}
        self._series = series

    def of(self, series: Series) -> Figures:
        """Return those of one series."""
        return Figures(self._families.values(), series)

    def rows(self, name: str, *labels: str, **only: str) -> Iterator[tuple[tuple[str, ...], float]]:
        """Yield the values of some labels, and the value; a label that the metric does not have is empty."""
        family = self._families.get(name.removesuffix("_total"))
        if family is None or not {*only} <= {*family.labels}:
            return
        if self._series is not None and "model_name" in family.labels:
            only |= {"model_name": self._series.model_name, "model_version": self._series.model_version}
        places = {label: place for place, label in enumerate(family.labels)}
        fixed = [(places[label], value) for label, value in only.items()]
        wanted = [places.get(label) for label in labels]
        for values, value in zip(family.label_values, family.columns[0], strict=True):
            if all(values[place] == text for place, text in fixed):
                yield tuple("" if place is None else values[place] for place in wanted), value

    def by(self, label: str, name: str, **only: str) -> dict[str, float]:
        """Return the values by a label."""
        return {text: value for (text,), value in self.rows(name, label, **only)}

    def one(self, name: str, **only: str) -> float:
        """Return the value; NaN where there is none."""
        return next((value for _, value in self.rows(name, **only)), NAN)

    def named(self, prefix: str) -> list[str]:
        """Return the metrics whose names begin so, without it."""
        return [name.removeprefix(prefix) for name in self._families if name.startswith(prefix)]

    def totals(self, name: str, label: str) -> dict[str, tuple[int, float]]:
        """Return the count and the sum of a histogram by a label; the sum is NaN where the histogram has none."""
        family = self._families.get(name)
        if family is None:
            return {}
        place, has_sum = family.labels.index(label), family.lines[-1].suffix == "_sum"
        infinite = len(family.lines) - (3 if has_sum else 1)
        return {
            values[place]: (int(counts[infinite]), counts[-1] if has_sum else NAN)
            for values, *counts in zip(family.label_values, *family.columns, strict=True)
            if self._series is None or values[:2] == self._series
        }

    def buckets(self, name: str) -> Buckets:
        """Return the buckets of a histogram."""
        family = self._families.get(name)
        if family is not None:
            for values, *counts in zip(family.label_values, *family.columns, strict=True):
                if self._series is None or values[:2] == self._series:
                    return [
                        (float(line.labels["le"]), count)
                        for line, count in zip(family.lines, counts, strict=False)
                        if "le" in line.labels
                    ]
        return []


def ratio(part: float, whole: float) -> float:
    """Return the share, NaN of nothing."""
    return part / whole if whole else NAN


def flag(value: float) -> bool | None:
    """Return whether a gauge is 1; None where there is none."""
    return None if math.isnan(value) else bool(value)
