"""How the bytes of a source are read: gathered from its streams, and decoded into batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from exporter.batch import Batch
from exporter.decoding.intake import BadLine, Gathered
from exporter.decoding.unknown_features import NO_SAMPLE, Sample
from exporter.lines.framing import Framer


class Reading(NamedTuple):
    """What was decoded; lines == records in the batch + the counts of what was refused.

    `sample` says of one record what features it has that are not known.
    """

    batch: Batch | None
    refused: tuple[BadLine, ...]
    lines: int
    sample: Sample = NO_SAMPLE


class Decoder(Protocol):
    """Decodes what one source has brought."""

    def read(self, gathered: Gathered, now: float) -> Iterator[Reading]:
        """Decode whole records that arrived at epoch time `now`, as many at a time as memory has to be bounded for."""
        ...


class Form(NamedTuple):
    """A form that records come in: how their bytes are cut, and how they are decoded."""

    framer: Framer
    decoder: Decoder
