"""The records of one source are decoded each by the schema of its own model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from exporter.decoding.decode import Decoder, DecodeResult
from exporter.decoding.line_block import LineBlock
from exporter.decoding.line_filter import LineFilter
from exporter.decoding.rows import KeyOf, Rows
from exporter.lines.buffer import PendingLines
from exporter.model_key import ModelKey

# Of the text of a line's labels.
MAX_TEXT = 300


class ModelDecoders:
    """Decodes records by the settings of their models.

    `decoders` are by key. `scanner` is only used to find the series of records. `labels` are the JSON keys of the
    labels of Series in a line. Lines that the `line_filter` leaves out are skipped. `models` is the number of keys of
    the last block.
    """

    def __init__(
        self,
        decoders: Mapping[ModelKey, Decoder],
        scanner: Decoder,
        labels: Sequence[str] = (),
        line_filter: LineFilter | None = None,
    ) -> None:
        self._decoders = decoders
        self._filter = line_filter
        self._scanner = scanner
        self._any = next(iter(decoders))
        # The key of all records of the last block. Most logs are of one model, and need no scan.
        self._last: ModelKey | None = None
        self.models = 1
        has_versions = any(None not in key for key in decoders)
        self._labels = [json.dumps(label).encode() for label in labels[: None if has_versions else 1]]
        # Which key the lines with a text were of.
        self._guesses: dict[bytes, ModelKey] = {}
        self.lines_at_once = min(decoder.lines_at_once for decoder in decoders.values())

    def read(self, pending: PendingLines, now: float, key_of: KeyOf) -> Iterator[DecodeResult]:
        """Decode lines that arrived at epoch time `now`, as many at a time as keeps memory bounded."""
        for block in self._decoders[self._any].blocks(pending, self.lines_at_once):
            kept, skipped = self._filter.kept(block) if self._filter else (block, 0)
            if skipped:
                yield DecodeResult(None, (), skipped, skipped=skipped)
            if len(kept):
                yield from self._decode(kept, now, key_of)

    def read_rows(self, rows: Rows, now: float, key_of: KeyOf) -> Iterator[DecodeResult]:
        """Decode the rows of lines that arrived at epoch time `now`, as many at a time as keeps memory bounded."""
        rejected = tuple(rows.rejected)
        count = sum(bad.count for bad in rejected) + rows.skipped - rows.extra
        yield DecodeResult(None, rejected, count, waiting=rows.waiting, repeated=rows.repeated, skipped=rows.skipped)
        for start in range(0, len(rows), self.lines_at_once):
            some = range(start, min(start + self.lines_at_once, len(rows)))
            yield from self._decode(rows if len(some) == len(rows) else rows.some(some), now, key_of)

    def _decode(self, block: Any, now: float, key_of: KeyOf) -> Iterator[DecodeResult]:
        if len(self._decoders) == 1:
            yield self._decoders[self._any].decode(block, now)
            return
        for parts in (self._expected(block), self._guessed(block)):
            results = {key: self._decoders[key].decode(part, now) for key, part in parts.items()}
            if results and all(_is_of(result, key, key_of) for key, result in results.items()):
                yield from results.values()
                return
        parts = self._scanned(block, key_of)
        self._last = next(iter(parts)) if len(parts) == 1 else None
        self.models = len(parts)
        for key, part in parts.items():
            yield self._decoders[key].decode(part, now)

    def _expected(self, block: Any) -> dict[ModelKey, Any]:
        """Return a block as the records of the last one's key, if they had the same."""
        return {} if self._last is None else {self._last: block}

    def _guessed(self, block: Any) -> dict[ModelKey, Any]:
        """Return the lines of a block by the key that lines with the same text had; none if any text is new.

        This is faster than a scan, and whether it is right shows when the lines are decoded.
        """
        if not self._guesses or not isinstance(block, LineBlock):
            return {}
        keys = [self._guesses.get(text) for text in self._texts(block)]
        distinct = [*dict.fromkeys(keys)]
        return {} if None in distinct else _split(block, keys, distinct)

    def _scanned(self, block: Any, key_of: KeyOf) -> dict[ModelKey, Any]:
        """Return the records of a block by the key of their model."""
        series, numbers = self._scanner.series(block)
        of_series = [key_of(each) for each in series.names]
        # Lines that are not records are rejected by any decoder.
        keys = [of_series[0] if of_series else self._any] * len(block)
        for number, code in zip(numbers, series.codes.tolist(), strict=True):
            keys[number] = of_series[code]
        distinct = [*dict.fromkeys(keys)]
        if len(distinct) == 1:
            return {distinct[0]: block}
        if isinstance(block, LineBlock) and self._labels:
            self._guesses = dict(zip(self._texts(block), keys, strict=True))
        return _split(block, keys, distinct)

    def _texts(self, block: LineBlock) -> list[bytes]:
        """Return from each line the text of its labels, up to the next comma."""
        texts = []
        for line in block.data.split(b"\n")[:-1]:
            text = b""
            for label in self._labels:
                at = line.find(label)
                text += line[at : line.find(b",", at)]
            texts.append(text[:MAX_TEXT])
        return texts


def _is_of(result: DecodeResult, key: ModelKey, key_of: KeyOf) -> bool:
    return result.batch is None or all(key_of(series) == key for series in result.batch.series.names)


def _split(block: Any, keys: Sequence[Any], distinct: Sequence[Any]) -> dict[ModelKey, Any]:
    places = {key: place for place, key in enumerate(distinct)}
    numbers = np.array([places[key] for key in keys])
    return dict(zip(distinct, block.split(numbers, len(distinct)), strict=True))
