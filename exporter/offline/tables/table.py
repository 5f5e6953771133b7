"""Rows of CSV and Parquet files, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exporter.decoding.schema import Path
from exporter.offline import OfflineError

# A column is numeric if at least this share of its values are numbers.
NUMERIC_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of a CSV or Parquet file; `texts` are the texts among the numbers of a CSV column, null elsewhere."""

    array: pa.Array
    texts: pa.Array | None = None

    @property
    def is_struct(self) -> bool:
        return bool(pa.types.is_struct(self.array.type))

    @property
    def fields(self) -> dict[str, Cells]:
        """The fields of a column of structs, by name; none for any other column."""
        fields = enumerate(self.array.type) if self.is_struct else ()
        return {field.name: Cells(pc.struct_field(self.array, [at])) for at, field in fields}

    def where(self, mask: pa.Array) -> Cells:
        """Return the values of the rows for which `mask` is true."""
        return Cells(self.array.filter(mask), None if self.texts is None else self.texts.filter(mask))

    def values(self) -> list[Any]:
        """Return the values as in JSON; null fields of structs are left out."""
        values: list[Any] = self.array.to_pylist()
        if self.texts is not None:
            texts = self.texts.to_pylist()
            return [text if value is None else value for value, text in zip(values, texts, strict=True)]
        return [_without_null(value) for value in values] if self.is_struct else values


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a CSV or Parquet file."""

    rows: int
    columns: Mapping[str, Cells]

    def at(self, path: Path) -> Cells | None:
        """Return the column at `path`: the one named like the path with dots, or a field within structs."""
        if (cells := self.columns.get(".".join(path))) is not None:
            return cells
        cells = self.columns.get(path[0])
        for key in path[1:]:
            cells = cells and cells.fields.get(key)
        return cells

    def below(self, path: Path) -> dict[str, Cells]:
        """Return the columns below `path`: `age` where `path` is a struct with that field, or `path.age` a column."""
        prefix = ".".join((*path, ""))
        dotted = {name.removeprefix(prefix): cells for name, cells in self.columns.items() if name.startswith(prefix)}
        struct = self.at(path)
        return dotted | struct.fields if struct else dotted

    def where(self, mask: Sequence[bool]) -> Table:
        """Return the rows for which `mask` is true."""
        array = pa.array(mask, pa.bool_())
        return Table(sum(mask), {name: cells.where(array) for name, cells in self.columns.items()})


# A column of a table: of a CSV or Parquet file, or of JSON objects.
Values = Cells | list[Any]


def json_values(values: Values) -> list[Any]:
    """Return the values as in JSON."""
    return values.values() if isinstance(values, Cells) else values


def rechunk(batches: Iterable[tuple[pa.RecordBatch, int]], rows: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Yield batches of `rows` rows, except for the last one, each with the position of its last row."""
    pending: list[pa.Table] = []
    at = 0
    for batch, at in batches:
        table = pa.concat_tables([*pending, pa.Table.from_batches([batch])])
        while table.num_rows >= rows:
            yield _one(table.slice(0, rows)), at
            table = table.slice(rows)
        # An empty slice would keep all earlier batches in memory.
        pending = [table] if table.num_rows else []
    for table in pending:
        yield _one(table), at


def check_names(names: list[str], path: FilePath) -> None:
    """Raise OfflineError if two columns have the same name."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise OfflineError(f"{path}: duplicate column `{name}`")


def _one(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]


def _without_null(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_null(inner) for name, inner in value.items() if inner is not None}
