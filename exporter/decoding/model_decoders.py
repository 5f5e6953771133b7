"""The records of one source are decoded each by the schema of its own model."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from exporter.decoding.decode import Decoder, DecodeResult
from exporter.decoding.rows import KeyOf, Rows
from exporter.lines.buffer import PendingLines
from exporter.model_key import ModelKey


class ModelDecoders:
    """Decodes records by the settings of their models.

    `decoders` are by key. `scanner` is only used to find the series of records. `models` is the number of keys of the
    last block.
    """

    def __init__(self, decoders: Mapping[ModelKey, Decoder], scanner: Decoder) -> None:
        self._decoders = decoders
        self._scanner = scanner
        self._any = next(iter(decoders))
        # The key of all records of the last block. Most logs are of one model, and need no scan.
        self._last = self._any if len(decoders) == 1 else None
        self.models = 1
        self._lines_at_once = min(decoder.lines_at_once for decoder in decoders.values())

    def read(self, pending: PendingLines, now: float, key_of: KeyOf) -> Iterator[DecodeResult]:
        """Decode lines that arrived at epoch time `now`, as many at a time as keeps memory bounded."""
        for block in self._decoders[self._any].blocks(pending, self._lines_at_once):
            yield from self._decode(block, now, key_of)

    def read_rows(self, rows: Rows, now: float, key_of: KeyOf) -> Iterator[DecodeResult]:
        """Decode the rows of lines that arrived at epoch time `now`."""
        rejected = tuple(rows.rejected)
        count = sum(bad.count for bad in rejected)
        yield DecodeResult(None, rejected, count, waiting=rows.waiting, repeated=rows.repeated)
        yield from self._decode(rows, now, key_of)

    def _decode(self, block: Any, now: float, key_of: KeyOf) -> Iterator[DecodeResult]:
        if self._last is not None:
            result = self._decoders[self._last].decode(block, now)
            found = result.batch.series.names if result.batch and len(self._decoders) > 1 else ()
            if all(key_of(series) == self._last for series in found):
                yield result
                return
        parts = self._parts(block, key_of)
        self._last = next(iter(parts)) if len(parts) == 1 else None
        self.models = len(parts)
        for key, part in parts.items():
            yield self._decoders[key].decode(part, now)

    def _parts(self, block: Any, key_of: KeyOf) -> dict[ModelKey, Any]:
        """Return the records of a block by the key of their model."""
        series, numbers = self._scanner.series(block)
        keys = [key_of(each) for each in series.names]
        distinct = [*dict.fromkeys(keys)]
        if len(distinct) <= 1:
            return {distinct[0] if distinct else self._any: block}
        # Lines that are not records are rejected by any decoder.
        places = np.zeros(len(block), np.int64)
        places[numbers] = np.array([distinct.index(key) for key in keys])[series.codes]
        return dict(zip(distinct, block.split(places, len(distinct)), strict=True))
