"""The first look at all of the data, and what follows from it: the features and their kinds."""

from __future__ import annotations

from exporter.decoding.columns import class_of, label_of
from exporter.profiling import attributions
from exporter.profiling.categorical import CATEGORIES
from exporter.profiling.errors import ProfilingError
from exporter.profiling.inference import ColumnSketch, Kind, LeftOutError, MixedError, kind_of
from exporter.profiling.inputs import Inputs
from exporter.profiling.options import Options
from exporter.profiling.records import Block
from exporter.profiling.report import Report
from exporter.validation import nearest


class Survey:
    """A sketch of each column, over `rows` predictions."""

    def __init__(self, inputs: Inputs, options: Options) -> None:
        self._options = options
        self.rows = 0
        self.errors = 0
        self.fields: dict[str, None] = {}
        self.features: dict[str, ColumnSketch] = {}
        self.prediction = ColumnSketch(class_of)
        self.probability = ColumnSketch()
        self.actual = ColumnSketch(class_of)
        self.attributions: dict[str, ColumnSketch] = {}
        for block in inputs.blocks():
            self._add(block)

    def kinds(self, report: Report) -> dict[str, Kind]:
        """Return the kind of each feature, and report what is left out, of attributions too; raises ProfilingError."""
        self._check_names()
        kinds: dict[str, Kind] = {}
        mixed = []
        for name, column in self.features.items():
            if name in self._options.exclude or not name:
                report.left_out[name or "''"] = "excluded" if name else "has no name, as an index written by pandas"
                continue
            try:
                kinds[name] = kind_of(name, column, self._declared(name))
            except LeftOutError as error:
                report.left_out[name] = str(error)
            except MixedError:
                mixed.append(name)
            else:
                report.notes += _notes(name, column, kinds[name])
        if mixed:
            names = ", ".join(f"`{name}`" for name in mixed)
            raise ProfilingError(
                f"numbers are mixed with other values in {names}: give --categorical or --exclude for each"
            )
        if not kinds:
            reasons = "; ".join(f"{name} {why}" for name, why in report.left_out.items())
            raise ProfilingError(f"no column can be a feature: {reasons or 'there are only fields of a record'}")
        attributions.tell(self.attributions, report)
        return kinds

    def _add(self, block: Block) -> None:
        self.rows += block.rows
        self.errors += block.errors
        self.fields.update(dict.fromkeys(block.fields))
        for name, column in block.features.items():
            sketch = self.features.get(name)
            if sketch is None:
                is_label = name in self._options.categorical
                sketch = self.features[name] = ColumnSketch(label_of if is_label else None)
            if name not in self._options.exclude:
                sketch.add(column)
        if block.prediction is not None:
            self.prediction.add(block.prediction)
        if block.probability is not None:
            self.probability.add(block.probability)
        if block.actual is not None:
            self.actual.add(block.actual)
        for name, column in block.attributions.items():
            self.attributions.setdefault(name, ColumnSketch()).add(column)

    def _declared(self, name: str) -> Kind | None:
        if name in self._options.numeric:
            return Kind.NUMERIC
        return Kind.CATEGORICAL if name in self._options.categorical else None

    def _check_names(self) -> None:
        for name, option in self._options.named.items():
            if name in self.features or (option == "--exclude" and name in self.fields):
                continue
            if name in self.fields:
                raise ProfilingError(f"{option} {name}: this is a field of a record, not a feature")
            raise ProfilingError(f"{option} {name}: no such feature{nearest(name, self.features)}")


def _notes(name: str, column: ColumnSketch, kind: Kind) -> list[str]:
    """Say what of a feature may not be as it was meant."""
    if kind is Kind.NUMERIC:
        others = column.other_than_numbers
        return [f"{name}: {others:,} values are no numbers and count as `other`: {column.others()}"] if others else []
    if kind is Kind.VECTOR:
        return []
    distinct = column.labels.distinct
    if distinct <= CATEGORIES:
        return []
    return [f"{name}: {distinct:,} categories; the {CATEGORIES} most frequent have a bin each, the rest is `other`"]
