"""Unknown features: features in the log that the profile lacks.

The decoder is fast because it skips unneeded fields. So the keys of one line per block are examined as a sample: a
feature that every record has is found at once, a rare one sooner or later.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from exporter.batch import Series
from exporter.decoding.rows import json_value
from exporter.decoding.schema import FEATURES, RECORD_FIELDS, Leaf, Node, Schema
from exporter.encoded import Encoded
from exporter.lines.rejects import RejectedError
from exporter.tallies.vocabulary import printable

MOST_NAMES = 100
FORGET_SECONDS = 86400.0

Seen = Mapping[Series, Mapping[str, float]]


class FeatureSample(NamedTuple):
    """A row of a batch, and the names of its unknown features."""

    row: int
    unknown: tuple[str, ...]


NO_SAMPLE = FeatureSample(0, ())


class FeatureProbe:
    """Finds the unknown features in a record."""

    def __init__(self, schema: Schema) -> None:
        self._path = schema.paths.get(FEATURES, ())
        at: Node | Leaf = schema.tree
        for key in self._path:
            at = at.children.get(key, Node()) if isinstance(at, Node) else Node()
        # At the top level, features lie beside the record's fields.
        known = (*at.children, *(() if self._path else RECORD_FIELDS)) if isinstance(at, Node) else ()
        self._known = frozenset((*known, *schema.ignored))
        self._has_features = bool(schema.numeric or schema.categorical)

    def unknown(self, line: bytes) -> tuple[str, ...]:
        """Return the names in a line of JSON; none if the profile has no features."""
        try:
            return self.unknown_of(json_value(line)[0]) if self._has_features else ()
        except RejectedError:
            return ()

    def unknown_of(self, record: Any) -> tuple[str, ...]:
        """Return the names in a decoded record; none if the profile has no features."""
        for key in self._path:
            record = record.get(key) if isinstance(record, dict) else None
        return tuple(record.keys() - self._known) if self._has_features and isinstance(record, dict) else ()


class UnknownFeatures:
    """The unknown features of each series in the last FORGET_SECONDS, at most MOST_NAMES per series."""

    def __init__(self, seen: Seen) -> None:
        self._seen = {series: dict(names) for series, names in seen.items()}

    def see(self, series: Encoded[Series], sample: FeatureSample, now: float) -> None:
        """Record a sample at epoch time `now`; `series` is the batch's."""
        known = self._seen.setdefault(series.names[series.codes[sample.row]], {})
        for name in map(printable, sample.unknown):
            if name in known or len(known) < MOST_NAMES:
                known[name] = now

    def forget(self, features_of: Callable[[Series], Collection[str]]) -> None:
        """Forget names that the profile of their series now contains."""
        for series, known in self._seen.items():
            for name in known.keys() & {*features_of(series)}:
                del known[name]

    def forget_series(self, gone: Collection[Series]) -> None:
        """Forget the names of some series."""
        self._seen = {series: names for series, names in self._seen.items() if series not in gone}

    def at(self, now: float) -> dict[Series, dict[str, float]]:
        """Return when each name was last seen; names older than FORGET_SECONDS are forgotten."""
        self._seen = {
            series: {name: seen for name, seen in names.items() if now - seen < FORGET_SECONDS}
            for series, names in self._seen.items()
        }
        return {series: dict(names) for series, names in self._seen.items()}
