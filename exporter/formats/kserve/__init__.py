"""KServe's inference logger: CloudEvents, as POSTed by its agent or as JSON lines.

The logger sends a request and its response as events with the same id. They are paired in either order, and each
instance of a pair becomes a record.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from exporter.batch import Series
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.rows import RowReader
from exporter.formats.bodies import media_type
from exporter.formats.format import Format
from exporter.formats.kserve.events import STRUCTURED, structured
from exporter.formats.kserve.payloads import FeatureNames
from exporter.formats.kserve.rows import EventRows
from exporter.lines.buffer import IngestRequest
from exporter.model_key import ModelKey


class KServe(Format, frozen=True):
    """The events of KServe's inference logger."""

    name: ClassVar[str] = "kserve"
    carries_labels: ClassVar[bool] = False
    waits_in_memory: ClassVar[bool] = True
    expects: ClassVar[str] = f"a CloudEvent of the inference logger, with ce- headers or as {STRUCTURED}"

    features: tuple[str, ...] | None = None
    """The names of the features in arrays, in order. The default is the features of the model's reference,
    in its order."""

    def fields(self, configured: Mapping[str, FieldRule]) -> Mapping[str, FieldRule]:
        return {}

    def problems(self) -> Iterator[str]:
        if len(set(self.features or ())) < len(self.features or ()):
            yield "features: duplicate name"

    def rows(self, features: Mapping[ModelKey, Sequence[str]], model: Series) -> RowReader:
        orders = {key: tuple(names) if self.features is None else self.features for key, names in features.items()}
        names = {key: FeatureNames(order, frozenset((*features[key], *order))) for key, order in orders.items()}
        return EventRows(names, model)

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Return whether it is an event, whatever the media type of its data, because curl sends JSON as a form."""
        return media_type(headers) == STRUCTURED or "ce-type" in headers

    def request(self, headers: Mapping[str, str], body: bytes) -> IngestRequest:
        return IngestRequest(structured(headers, body))
