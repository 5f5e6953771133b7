"""Features that records hold and the profile does not know.

The decoder skips what it is not asked for without a look, which is why it is fast. So one line of each block is looked
into for its keys, and what is found is a sample: a feature that is in each record is found at once, a rare one sooner
or later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from exporter.batch import Series
from exporter.decoding.salvage import loads
from exporter.decoding.schema import FEATURES, RECORD_FIELDS, Leaf, Node, Schema
from exporter.encoded import Encoded
from exporter.lines.rejects import RefusedError
from exporter.tallies.vocabulary import printable

MOST_NAMES = 100
FORGET_SECONDS = 86400.0
NULL = b"null"

Seen = Mapping[Series, Mapping[str, float]]


# Values are skipped here too.
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


class Sample(NamedTuple):
    """A row of a batch, and the names of the features that it held and the profile does not know."""

    row: int
    unknown: tuple[str, ...]


NO_SAMPLE = Sample(0, ())


class Probe:
    """Looks into a line for the names of features that the profile does not know."""

    def __init__(self, schema: Schema) -> None:
        self._path = schema.paths()[FEATURES]
        at: Node | Leaf = schema.tree()
        for key in self._path:
            at = at.children.get(key, Node()) if isinstance(at, Node) else Node()
        # At the top level the features have the record's own fields beside them.
        known = (*at.children, *(() if self._path else RECORD_FIELDS)) if isinstance(at, Node) else ()
        self._known = frozenset(known)
        self._has_features = bool(schema.numeric or schema.categorical)

    def unknown(self, line: bytes) -> tuple[str, ...]:
        """Return the names; none where the profile has no features at all."""
        if not self._has_features:
            return ()
        try:
            return self._names(line)
        except (msgspec.MsgspecError, RecursionError):
            pass
        try:
            # It holds NaN, as Python's encoder writes it.
            return self._names(msgspec.json.encode(loads(line)))
        except (msgspec.MsgspecError, RefusedError):
            return ()

    def _names(self, text: bytes | msgspec.Raw) -> tuple[str, ...]:
        for key in self._path:
            text = (_KEYS.decode(text) or {}).get(key, NULL)
        return tuple((_KEYS.decode(text) or {}).keys() - self._known)


class UnknownFeatures:
    """The unknown features that each series was seen with in the last FORGET_SECONDS, at most MOST_NAMES of them."""

    def __init__(self, seen: Seen) -> None:
        self._seen = {series: dict(names) for series, names in seen.items()}

    def see(self, series: Encoded[Series], sample: Sample, now: float) -> None:
        """Take note of a sample at epoch time `now`; `series` is the batch's."""
        known = self._seen.setdefault(series.names[series.codes[sample.row]], {})
        for name in map(printable, sample.unknown):
            if name in known or len(known) < MOST_NAMES:
                known[name] = now

    def forget(self, names: Collection[str]) -> None:
        """Forget names that the profile knows now."""
        for known in self._seen.values():
            for name in known.keys() & set(names):
                del known[name]

    def at(self, now: float) -> dict[Series, dict[str, float]]:
        """Return when each name was last seen, less those of long ago, which are forgotten."""
        self._seen = {
            series: {name: seen for name, seen in names.items() if now - seen < FORGET_SECONDS}
            for series, names in self._seen.items()
        }
        return {series: dict(names) for series, names in self._seen.items()}
