"""Metric families as plain data, before they are written as text.

A family keeps its series as parallel lists, because creating an object per series takes longer than writing it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress
from typing import NamedTuple

from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

LabelValues = tuple[str, ...]


class Line(NamedTuple):
    """One of the lines of each series: the suffix of its name, and its own labels."""

    suffix: str
    labels: dict[str, str]


# The types of families whose values only grow.
COUNTED = ("counter", "histogram")
# In OpenMetrics: when the series was born, in seconds since epoch.
CREATED = Line("_created", {})


class Family:
    """A metric family; `columns` holds the values of each line, in the order of `label_values`."""

    def __init__(self, name: str, text: str, kind: str, labels: Sequence[str], lines: Sequence[Line]) -> None:
        self.name = name
        self.help = text
        self.type = kind
        self.labels = tuple(labels)
        self.lines = tuple(lines)
        self.label_values: list[LabelValues] = []
        self.columns: tuple[list[float], ...] = tuple([] for _ in lines)

    @property
    def samples(self) -> list[Sample]:
        """All samples, in the order in which they are written."""
        return [
            Sample(self.name + line.suffix, dict(zip(self.labels, label_values, strict=True)) | line.labels, value)
            for label_values, *values in zip(self.label_values, *self.columns, strict=True)
            for line, value in zip(self.lines, values, strict=True)
        ]


Families = Iterator[Family]


def merged(parts: Sequence[Families]) -> Families:
    """Yield the families of several parts; those of one name are one family."""
    if len(parts) == 1:
        yield from parts[0]
        return
    families: dict[str, Family] = {}
    for family in chain.from_iterable(parts):
        first = families.setdefault(family.name, family)
        if first is not family:
            first.label_values += family.label_values
            for column, more in zip(first.columns, family.columns, strict=True):
                column.extend(more)
    yield from families.values()


class _SingleLineFamily(Family):
    kind: str

    def __init__(self, name: str, text: str, labels: Sequence[str], suffix: str = "") -> None:
        super().__init__(name, text, self.kind, labels, (Line(suffix, {}),))

    def add(self, label_values: LabelValues, value: float) -> None:
        """Add a series; `label_values` has the order of the labels."""
        self.label_values.append(label_values)
        self.columns[0].append(float(value))

    def extend(self, label_values: Iterable[LabelValues], values: Iterable[float]) -> None:
        """Add series; those with a NaN value are left out."""
        labels, numbers = list(label_values), list(values)
        is_known = [number == number for number in numbers]  # noqa: PLR0124
        if len(labels) != len(numbers):
            raise ValueError("expected as many values as label values")
        self.label_values.extend(labels if all(is_known) else compress(labels, is_known))
        self.columns[0].extend(numbers if all(is_known) else compress(numbers, is_known))


class GaugeFamily(_SingleLineFamily):
    """A gauge.

    >>> family = GaugeFamily("model_window_samples", "Predictions in a rolling window.", ("window",))
    >>> family.add(("5m",), 7)
    >>> [(sample.name, sample.labels, sample.value) for sample in family.samples]
    [('model_window_samples', {'window': '5m'}, 7.0)]
    """

    kind = "gauge"


class SummaryFamily(_SingleLineFamily):
    """Quantiles by the label `quantile`, which OpenMetrics allows in a summary only; without a count or a sum."""

    kind = "summary"


class CounterFamily(_SingleLineFamily):
    """A counter; as in OpenMetrics, the name of its samples ends with `_total` and the family's name does not."""

    kind = "counter"

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        super().__init__(name.removesuffix("_total"), text, labels, "_total")


class HistogramFamily(Family):
    """A histogram with ascending `bounds`, without +Inf.

    With a bound below 0 it has no `_count` and no `_sum`, as OpenMetrics demands, because the sum may decrease.
    """

    def __init__(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        buckets = [Line("_bucket", {"le": bound}) for bound in map(floatToGoString, (*bounds, math.inf))]
        totals = [Line("_count", {}), Line("_sum", {})] if not bounds or bounds[0] >= 0 else []
        super().__init__(name, text, "histogram", labels, buckets + totals)

    def add(self, label_values: LabelValues, counts: Sequence[float], total: float) -> None:
        """Add a series; `counts` are cumulative, one per bound and a last one for +Inf; `total` is the sum."""
        self.label_values.append(label_values)
        values = (*counts, counts[-1], total)
        for column, value in zip(self.columns, values[: len(self.columns)], strict=True):
            column.append(float(value))
