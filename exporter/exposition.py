"""Write metric families as Prometheus text or OpenMetrics, whichever the scraper asks for."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.families import Family

GZIP_LEVEL = 4


@dataclass(frozen=True)
class Format:
    """What a scraper wants: a media type in the words of its Accept header, and whether compressed."""

    accept: str = ""
    is_gzip: bool = False

    @classmethod
    def of(cls, accept: str, accept_encoding: str) -> Format:
        """Read the headers of a request."""
        return cls(accept, gzip_accepted(accept_encoding))


@dataclass(frozen=True)
class Exposition:
    """The body of an answer to a scrape, and its headers' values."""

    body: bytes
    content_type: str
    content_encoding: str | None


class _Families(Collector):
    def __init__(self, families: Iterable[Family], registry: Collector | None) -> None:
        self._families = families
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.help, family.type)
            for sample in family.samples:
                metric.add_sample(*sample)
            yield metric
        if self._registry:
            yield from self._registry.collect()


def render(families: Iterable[Family], wanted: Format, registry: Collector | None = None) -> Exposition:
    """Write families, and what is in the registry, in the format that is wanted."""
    encoder, content_type = choose_encoder(wanted.accept)
    body = encoder(_Families(families, registry))
    if not wanted.is_gzip:
        return Exposition(body, content_type, None)
    return Exposition(gzip.compress(body, GZIP_LEVEL, mtime=0), content_type, "gzip")
