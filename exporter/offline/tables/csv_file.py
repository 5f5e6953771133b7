"""CSV files with a header and commas.

CSV has no types. The type of a column depends on all of its values in all files, never on the first ones, so the files
are read once more to find it. An id stays as it is written, and so does a label that no program writes for a number:
007 and 1e5 are names, 1.0 is the number 1. An empty field, NA or null is missing, unless it is quoted.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from exporter.decoding.schema import Schema
from exporter.offline import OfflineError
from exporter.offline.tables.files import DataFile
from exporter.offline.tables.table import NUMERIC_SHARE, Cells, Table, check_names, rechunk

# Arrow reads up to 32 blocks ahead; no row can be longer than a block.
READ_BYTES = 512 << 10
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"
INTEGER = r"^-?\d{1,18}$"
BOOLEAN = r"^(true|True|TRUE|false|False|FALSE)$"
# Names made of digits. Arrow would read 0x1F as a number. Programs write numbers as 1e+05 or 1.0E5.
CODE = r"^[+-]?0[\dxX]"
LABEL_CODE = rf"{CODE}|^\+|^-?\d+[eE]\d+$|^-?\d{{19,}}$"
# Times that lack what RFC 3339 requires.
DATE = r"^(\d{4}-\d\d-\d\d)$"
MINUTE = r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)$"
WHOLE = r"^\s*(-?\d+)\.0*\s*$"

IDS = ("request_id", "model_name", "model_version")
LABELS = ("prediction", "actual")


class Type(Enum):
    """What a column contains."""

    INTEGERS = pa.int64()
    NUMBERS = pa.float64()
    BOOLEANS = "booleans"
    TIMES = "times"
    LABELS = "labels"
    TEXTS = "texts"


@dataclass(slots=True)
class _Counts:
    """How many values of a column could be of each type; `mixed` is the type of a column with too few numbers."""

    code: str
    mixed: Type
    values: int = 0
    integers: int = 0
    numbers: int = 0
    booleans: int = 0
    codes: int = 0

    def add(self, texts: pa.Array) -> None:
        self.values += len(texts)
        self.codes = self.codes or _matching(texts, self.code)
        # Casts are faster than patterns unless they fail.
        if self.integers == self.values - len(texts) and _cast(texts, Type.INTEGERS) is not None:
            self.integers += len(texts)
            self.numbers += len(texts)
        elif self.numbers == self.values - len(texts) and _cast(texts, Type.NUMBERS) is not None:
            self.numbers += len(texts)
        else:
            self.integers += _matching(texts, INTEGER)
            self.numbers += _matching(texts, NUMBER)
            self.booleans += _matching(texts, BOOLEAN)

    def type(self) -> Type:
        if self.booleans == self.values:
            return Type.BOOLEANS
        if self.codes or not self.numbers:
            return Type.TEXTS
        if self.numbers < NUMERIC_SHARE * self.values:
            return self.mixed
        return Type.INTEGERS if self.integers == self.numbers else Type.NUMBERS


def column_types(batches: Iterable[pa.RecordBatch], schema: Schema) -> dict[str, Type]:
    """Return the type of each column in all files, whose texts are `batches`; `schema` says which are ids."""
    paths = replace(schema, reads=(*schema.reads, *LABELS, *IDS)).paths
    columns = {name: ".".join(path) for name, path in paths.items()}
    types = {columns[name]: Type.TEXTS for name in IDS}
    counts = {columns[name]: _Counts(LABEL_CODE, Type.LABELS) for name in LABELS}
    for batch in batches:
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if name not in types:
                counts.setdefault(name, _Counts(CODE, Type.TEXTS)).add(_trimmed(array).drop_null())
    types |= {name: count.type() for name, count in counts.items()}
    times = {columns[name] for name in ("timestamp", "timestamp_ms") if name in columns}
    return types | {name: Type.TIMES for name in times if types.get(name) is Type.TEXTS}


def tables(file: DataFile, rows: int, types: Mapping[str, Type]) -> Iterator[tuple[Table, int]]:
    """Yield tables of `rows` rows, each with the number of bytes read so far; raises OfflineError."""
    for batch, at in rechunk(text_batches(file), rows):
        columns = zip(batch.schema.names, batch.columns, strict=True)
        yield Table(batch.num_rows, {name: _typed(array, types.get(name, Type.TEXTS)) for name, array in columns}), at


def text_batches(file: DataFile) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Yield batches of texts, each with the number of bytes read so far; raises OfflineError."""
    parsing = arrow_csv.ParseOptions(newlines_in_values=True)
    reading = arrow_csv.ReadOptions(block_size=READ_BYTES)
    try:
        with file.opened() as (_, stream):
            names = arrow_csv.open_csv(stream, reading, parsing).schema.names
        _check_header(names, file.path)
        converting = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, quoted_strings_can_be_null=False
        )
        with file.opened() as (raw, stream):
            batch = None
            for batch in arrow_csv.open_csv(stream, reading, parsing, converting):
                yield batch, raw.tell()
        if batch:
            _check_quotes(batch.column(batch.num_columns - 1)[-1].as_py(), file)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        if "Empty CSV" not in str(error):
            raise OfflineError(_explanation(file) or f"{file.path}: {str(error).splitlines()[0]}") from None


def _typed(array: pa.Array, kind: Type) -> Cells:
    if kind is Type.TEXTS:
        return Cells(array)
    texts = _trimmed(array)
    if kind is Type.TIMES:
        return Cells(pc.replace_substring_regex(pc.replace_substring_regex(texts, DATE, r"\1T00:00"), MINUTE, r"\1:00"))
    if kind is Type.LABELS:
        return Cells(pc.replace_substring_regex(array, WHOLE, r"\1"))
    if kind is Type.BOOLEANS:
        return Cells(pc.equal(pc.utf8_lower(texts), "true"))
    if (numbers := _cast(texts, kind)) is not None:
        return Cells(numbers)
    is_number = pc.match_substring_regex(texts, INTEGER if kind is Type.INTEGERS else NUMBER)
    return Cells(pc.if_else(is_number, texts, None).cast(kind.value), pc.if_else(is_number, None, array))


def _cast(texts: pa.Array, kind: Type) -> pa.Array | None:
    """Return the texts as numbers; None if any of them is not a number."""
    try:
        return texts.cast(kind.value)
    except pa.ArrowInvalid:
        return None


def _matching(texts: pa.Array, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0


def _trimmed(array: pa.Array) -> pa.Array:
    """Return the texts without spaces around them, null where empty: "" is a category, but no number."""
    texts = pc.utf8_trim_whitespace(array)
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _check_header(names: list[str], path: Path) -> None:
    check_names(names, path)
    if len(names) == 1 and any(separator in names[0] for separator in ";\t|"):
        raise OfflineError(f"{path}: expected columns separated by commas, got the header {names[0]!r}")


def _check_quotes(last: str | None, file: DataFile) -> None:
    """Raise OfflineError if a quote is never closed; Arrow reads everything after it as one value."""
    if last is not None and last.endswith(("\n", "\r")):
        with file.opened() as (_, stream):
            number, line = deque(enumerate(stream, 1), maxlen=1)[0]
        if not line.rstrip().endswith(b'"'):
            raise OfflineError(f"{file.path}:{number + 1 - last.count(chr(10))}: a quote is not closed")


def _explanation(file: DataFile) -> str | None:
    """Read slowly up to the line that Arrow rejected, because it does not report the number of that line."""
    with file.opened() as (_, stream):
        rows = csv.reader(_decoded(stream, file.path))
        try:
            header = next(rows)
            for row in rows:
                if row and len(row) != len(header):
                    where = f"{file.path}:{rows.line_num}"
                    return f"{where}: expected {len(header)} columns as in the header, got {len(row)}"
        except csv.Error as error:
            return f"{file.path}:{rows.line_num}: {error}"
    return None


def _decoded(lines: Iterable[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise OfflineError(f"{path}:{number}: not UTF-8 at byte {error.start + 1} of the line") from None
