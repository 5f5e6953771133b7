"""Arrow IPC streams: record batches become a `Batch`, column by column, without an object per record.

`messages` splits a stream's bytes, and checks them before pyarrow reads any; `leaves` finds the columns to read, and
`stream` has pyarrow read and validate them; `columns` and `decode` make the batch that the same records would make as
JSON. pyarrow costs 35 MiB and 0.1 s, so it is only imported for a source that reads Arrow.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from exporter.batch import Series
from exporter.decoding.checks import Checks
from exporter.decoding.conditions import Where
from exporter.decoding.mapping import RecordMapping
from exporter.decoding.model_decoders import ModelDecoders
from exporter.decoding.pipeline import Pipeline
from exporter.decoding.schema import Schema
from exporter.formats.bodies import ARROW, media_type
from exporter.formats.format import Format
from exporter.lines.framing import Framer
from exporter.model_key import ModelKey


class Arrow(Format, frozen=True):
    """Arrow IPC streams, whose columns lie where JSON's fields would."""

    name: ClassVar[str] = "arrow"
    needs_stream: ClassVar[bool] = True
    expects: ClassVar[str] = f"a body of {ARROW}"

    def pipeline(
        self,
        framer: Framer,
        schemas: Mapping[ModelKey, Schema],
        model: Series,
        checks: Checks,
        features: Mapping[ModelKey, Sequence[str]],
        where: Where,
        mapping: RecordMapping | None,
    ) -> Pipeline:
        from exporter.formats.arrow.decode import ArrowDecoder, arrow_framer  # noqa: PLC0415  # pyarrow

        scanner = ArrowDecoder(next(iter(schemas.values())).of_series, model, checks, "series ")
        decoders = {
            key: ArrowDecoder(schema, model, checks, f"{number} ")
            for number, (key, schema) in enumerate(schemas.items())
        }
        every = [*decoders.values(), *([scanner] if len(decoders) > 1 else [])]
        return Pipeline(arrow_framer(every), ModelDecoders(decoders, scanner))

    def accepts(self, headers: Mapping[str, str]) -> bool:
        return media_type(headers) == ARROW
