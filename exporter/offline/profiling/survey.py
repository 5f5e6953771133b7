"""The first pass over all of the data, and what follows from it: the features and their kinds."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.decoding.columns import class_of, label_of
from exporter.offline import OfflineError
from exporter.offline.profiling.blocks import Block
from exporter.offline.profiling.categorical import CATEGORIES
from exporter.offline.profiling.kinds import ColumnSketch, Kind, LeftOutError, kind_of
from exporter.offline.profiling.options import Options
from exporter.validation import nearest


class Survey:
    """A sketch of each column over `rows` predictions; `errors` records were no predictions.

    `fields` are the columns of flat data that are no features. `left_out` gives the reason why others are none; `notes`
    are about what the user may not have meant.
    """

    def __init__(self, blocks: Iterable[Block], options: Options) -> None:
        self._named = options.named
        self.rows = 0
        self.errors = 0
        self.fields: dict[str, None] = {}
        self.left_out: dict[str, str] = {}
        self.notes: list[str] = []
        self.features: dict[str, ColumnSketch] = {}
        self.attributions: dict[str, ColumnSketch] = {}
        self.targets = {
            "prediction": ColumnSketch(class_of),
            "probability": ColumnSketch(),
            "actual": ColumnSketch(class_of),
        }
        for block in blocks:
            self._add(block)

    def kinds(self) -> dict[str, Kind]:
        """Return the kind of each feature, and note what is left out, of attributions too; raises OfflineError."""
        self._check_names()
        kinds: dict[str, Kind] = {}
        mixed = []
        for name, column in self.features.items():
            option = self._named.get(name)
            if option == "--exclude" or not name:
                self.left_out[name or "''"] = "excluded" if name else "has no name, as an index written by pandas"
                continue
            try:
                kind = kind_of(name, column, option)
            except LeftOutError as error:
                self.left_out[name] = str(error)
                continue
            if kind is None:
                mixed.append(f"`{name}`")
            else:
                kinds[name] = kind
                self.notes += _notes(name, column, kind)
        if mixed:
            raise OfflineError(
                f"numbers are mixed with other values in {', '.join(mixed)}: give --categorical or --exclude for each"
            )
        if not kinds:
            reasons = "; ".join(f"{name} {why}" for name, why in self.left_out.items())
            raise OfflineError(f"no column can be a feature: {reasons or 'there are only fields of a record'}")
        self._note_attributions()
        return kinds

    def _add(self, block: Block) -> None:
        self.rows += block.rows
        self.errors += block.errors
        self.fields.update(dict.fromkeys(block.fields))
        for name, column in block.features.items():
            option = self._named.get(name)
            sketch = self.features.setdefault(name, ColumnSketch(label_of if option == "--categorical" else None))
            if option != "--exclude":
                sketch.add(column)
        for name, column in block.targets.items():
            self.targets[name].add(column)
        for name, column in block.attributions.items():
            self.attributions.setdefault(name, ColumnSketch()).add(column)

    def _check_names(self) -> None:
        for name, option in self._named.items():
            if name in self.features or (option == "--exclude" and name in self.fields):
                continue
            if name in self.fields:
                raise OfflineError(f"{option} {name}: this is a field of a record, not a feature")
            raise OfflineError(f"{option} {name}: no such feature{nearest(name, self.features)}")

    def _note_attributions(self) -> None:
        for name, sketch in self.attributions.items():
            if not sketch.numbers.finite:
                self.left_out[f"attributions.{name}"] = "has no finite number"
            elif count := sketch.other_than_numbers:
                others = f"{count:,} values are no numbers, and missing: {sketch.others()}"
                self.notes.append(f"attributions.{name}: {others}")


def _notes(name: str, column: ColumnSketch, kind: Kind) -> list[str]:
    """Return what about a feature may not be as the user meant it."""
    others, distinct = column.other_than_numbers, column.labels.distinct
    if kind is Kind.NUMERIC and others:
        return [f"{name}: {others:,} values are no numbers and count as `other`: {column.others()}"]
    if kind is Kind.CATEGORICAL and distinct > CATEGORIES:
        return [f"{name}: {distinct:,} categories; the {CATEGORIES} most frequent have a bin each, the rest is `other`"]
    return []
