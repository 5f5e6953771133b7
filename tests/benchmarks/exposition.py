"""The samples of an exposition, and which of them grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families


class Sample(NamedTuple):
    """One sample; `grows` says whether it is a counter or part of a histogram."""

    name: str
    labels: Mapping[str, str]
    value: float
    grows: bool


def samples(exposition: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            yield Sample(sample.name, sample.labels, sample.value, family.type in ("counter", "histogram"))
