"""Arrow batches become blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from exporter.decoding.schema import Path
from exporter.profiling.column import Column, of_array, of_values
from exporter.profiling.errors import ProfilingError
from exporter.profiling.records import Block, Layout, Outcomes, scores_of


def rechunk(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of `rows` rows, the last one excepted."""
    pending: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        at = 0
        while held + batch.num_rows - at >= rows:
            pending.append(batch.slice(at, rows - held))
            at += rows - held
            yield _one(pending)
            pending, held = [], 0
        if at < batch.num_rows:
            pending.append(batch.slice(at))
            held += batch.num_rows - at
    if pending:
        yield _one(pending)


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with one type of text; Arrow has several, and cannot compute with all of them."""
    schema = pa.schema([field.with_type(_plain(field.type)) for field in batch.schema])
    return batch if schema == batch.schema else batch.cast(schema)


def check(names: list[str], path: object) -> None:
    """Refuse columns of the same name; raises ProfilingError."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ProfilingError(f"{path}: the column `{name}` is there twice")


def block(batch: pa.RecordBatch, layout: Layout, path: object) -> Block:
    """Return the block of a batch of the file at `path`; raises ProfilingError."""
    kept = without_errors(batch, _at(batch, layout.error_type))
    features, fields = _features(kept, layout, path)
    prediction, actual = _at(kept, layout.prediction), _at(kept, layout.actual)
    scored = _at(kept, layout.probability)
    return Block(
        rows=kept.num_rows,
        errors=batch.num_rows - kept.num_rows,
        features={name: of_array(array) for name, array in features.items()},
        fields=fields,
        prediction=None if prediction is None else of_array(prediction),
        probability=_probability(scored, prediction, path),
        actual=None if actual is None else of_array(actual),
        attributions=_attributions(kept, layout, path),
        outcomes=outcomes(prediction, scored, actual),
    )


def outcomes(prediction: pa.Array | None, scored: pa.Array | None, actual: pa.Array | None) -> Outcomes | None:
    """Return the predictions, scores and truths of rows, where there are predictions and truths."""
    if prediction is None or actual is None or actual.null_count == len(actual):
        return None
    scores = [None] * len(actual) if scored is None else scored.to_pylist()
    return Outcomes(prediction.to_pylist(), scores, actual.to_pylist())


def without_errors(batch: pa.RecordBatch, errors: pa.Array | None) -> pa.RecordBatch:
    """Return the rows that are predictions; `errors` is the column of their error types."""
    return batch if errors is None else batch.filter(_is_absent(errors))


def _features(batch: pa.RecordBatch, layout: Layout, path: object) -> tuple[dict[str, pa.Array], tuple[str, ...]]:
    """Return the columns of features, and the names of columns that are other fields of a record."""
    struct = _at(batch, layout.features) if layout.features else None
    if struct is not None:
        return _fields(struct, layout.features, path), ()
    if layout.is_flat is False:
        raise ProfilingError(f"{path}: no column `{'.'.join(layout.features)}`, where `fields` says that features are")
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    features = {name: array for name, array in columns.items() if layout.is_feature(name)}
    return features, tuple(name for name in columns if name not in features)


def _attributions(batch: pa.RecordBatch, layout: Layout, path: object) -> dict[str, Column]:
    """Return those in a struct, and those in columns of their own."""
    columns = zip(batch.schema.names, batch.columns, strict=True)
    flat = {feature: array for name, array in columns if (feature := layout.attribution(name))}
    struct = _at(batch, layout.attributions)
    nested = {} if struct is None or pa.types.is_null(struct.type) else _fields(struct, layout.attributions, path)
    return {name: of_array(array) for name, array in (flat | nested).items()}


def _fields(struct: pa.Array, path: Path, file: object) -> dict[str, pa.Array]:
    """Return the fields of the column at `path`; raises ProfilingError where it is no struct."""
    if not pa.types.is_struct(struct.type):
        raise ProfilingError(f"{file}: column `{'.'.join(path)}`: expected a struct, got {struct.type}")
    return {field.name: pc.struct_field(struct, [index]) for index, field in enumerate(struct.type)}


def _probability(scored: pa.Array | None, prediction: pa.Array | None, path: object) -> Column | None:
    if scored is None or not pa.types.is_struct(scored.type):
        return None if scored is None else of_array(scored)
    chosen = prediction.to_pylist() if prediction is not None else [None] * len(scored)
    by_class = [row and {name: score for name, score in row.items() if score is not None} for row in scored.to_pylist()]
    return of_values(scores_of(by_class, chosen, path))


def _at(batch: pa.RecordBatch, path: Path) -> pa.Array | None:
    """Return the column at `path`, within structs where it is longer than one."""
    if path[0] not in batch.schema.names:
        return None
    array = batch.column(path[0])
    for key in path[1:]:
        if not pa.types.is_struct(array.type) or array.type.get_field_index(key) < 0:
            return None
        array = pc.struct_field(array, key)
    return array


def _is_absent(errors: pa.Array) -> pa.Array:
    """Return where there is no error; an empty text, or 0, is how some loggers spell that all went well."""
    absent = errors.is_null(nan_is_null=True)
    if pa.types.is_string(errors.type):
        absent = pc.or_kleene(absent, pc.equal(errors, ""))
    elif pa.types.is_integer(errors.type) or pa.types.is_floating(errors.type):
        absent = pc.or_kleene(absent, pc.equal(errors, 0))
    return absent


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
