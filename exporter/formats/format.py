"""The interface of formats: how bytes are framed, how lines become rows, and where a record's fields lie in a row.

A format is one module of this package with one subclass of `Format`. Its class attributes and methods define the stages
in which it differs from JSON lines:

    bytes --framer--> lines --parse, rows--> objects --fields--> records

A *wrapper* (a container runtime's log, say) has only a framer, and carries another format's lines.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple

import msgspec

from exporter.batch import Series
from exporter.decoding.checks import Checks
from exporter.decoding.conditions import Where
from exporter.decoding.decode import Decoder
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.line_filter import LineFilter
from exporter.decoding.mapping import MappedRows, Parse, RecordMapping
from exporter.decoding.model_decoders import ModelDecoders
from exporter.decoding.pairs import PairOptions
from exporter.decoding.pipeline import Pipeline
from exporter.decoding.rows import RowReader, json_value
from exporter.decoding.schema import Schema
from exporter.formats.bodies import ARROW, JSON_TYPES, json_lines, media_type
from exporter.lines.buffer import IngestRequest
from exporter.lines.framing import Framer, Lines
from exporter.model_key import ModelKey


class Reply(NamedTuple):
    """The response to a request: its status, body and media type."""

    status: HTTPStatus
    body: bytes
    media_type: str = "application/json"


class Format(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A format with its options, which are its fields; the string below each is its description in the reference.

    `needs_stream` formats cannot be resumed in the middle or split into datagrams: they need a whole stream.
    `carries_labels` is whether ground-truth labels may have the format too. `waits_in_memory` is whether lines that
    wait for others are lost in a restart. `pair` joins requests and responses, unless the configuration says how.
    """

    name: ClassVar[str]
    framer: ClassVar[Framer] = Lines
    is_wrapper: ClassVar[bool] = False
    needs_stream: ClassVar[bool] = False
    carries_labels: ClassVar[bool] = True
    waits_in_memory: ClassVar[bool] = False
    pair: ClassVar[PairOptions | None] = None
    expects: ClassVar[str] = f"a body of {', '.join(JSON_TYPES)}"

    def fields(self, configured: Mapping[str, FieldRule]) -> Mapping[str, FieldRule]:
        """Return where the fields of a record lie in a row; `configured` are the rules of the configuration."""
        return configured

    @property
    def parse(self) -> Parse | None:
        """What makes an object of a line; None for JSON."""
        return None

    def rows(self, features: Mapping[ModelKey, Sequence[str]], model: Series) -> RowReader | None:
        """Return a reader of rows; None if each line is a record.

        `features` are those of each model's reference, in order; `model` names the model if a record does not.
        """
        return None

    def problems(self) -> Iterator[str]:
        """Yield mistakes that the options' types do not exclude, each starting with its key."""
        yield from ()

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
        """Return how a source's bytes become batches, by the schema of each model.

        `framer` is that of the outermost wrapper; `model` names the model if a record does not. Lines that do not match
        `where` are skipped. With a `mapping`, schemas are those of the records that it makes.
        """
        decoders = {key: Decoder(schema, model, checks) for key, schema in schemas.items()}
        of_series = next(iter(schemas.values())).of_series
        scanner = Decoder(of_series, model, checks)
        labels = [of_series.paths[label][-1] for label in Series._fields]
        # Only of JSON the values can be compared before a line is read, unless they may be those of the file's path.
        is_late = mapping is not None and (self.parse is not None or mapping.path_fields is not None)
        line_filter = LineFilter(where) if where and not is_late else None
        rows = self.rows(features, model)
        if mapping:
            rows = MappedRows(mapping, where if is_late else Where(), self.parse or json_value)
        return Pipeline(framer, ModelDecoders(decoders, scanner, labels, line_filter), rows, line_filter)

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request with these headers has a body of this format."""
        return media_type(headers) in JSON_TYPES

    def request(self, headers: Mapping[str, str], body: bytes) -> IngestRequest:
        """Return the lines of a request's body, or its Arrow IPC stream; raises BodyError."""
        is_arrow = media_type(headers) == ARROW
        lines = body if is_arrow else json_lines(body, media_type(headers))
        return IngestRequest(lines, headers.get("idempotency-key"), is_arrow)

    def reply(self, headers: Mapping[str, str], status: HTTPStatus, document: Mapping[str, Any]) -> Reply:
        """Return the response to a request with these headers, which says what `document` says.

        That is the number of `accepted` records with those `rejected`, or an `error`.
        """
        return Reply(status, json.dumps(document).encode())
