"""The log of `bentoml.monitor`: its columns lie at the top level, beside `timestamp` and `request_id`."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from exporter.decoding.field_rule import FieldRule
from exporter.decoding.schema import FEATURES
from exporter.formats.format import Format
from exporter.units import FieldPath


class BentoMl(Format, frozen=True):
    """The log of `bentoml.monitor`."""

    name: ClassVar[str] = "bentoml"
    carries_labels: ClassVar[bool] = False

    prediction: str | None = None
    """The column that is logged with `role="prediction"`; required."""

    def fields(self, configured: Mapping[str, FieldRule]) -> Mapping[str, FieldRule]:
        prediction = FieldRule(FieldPath((self.prediction or "prediction",)))
        return {**configured, FEATURES: FieldRule(FieldPath()), "prediction": prediction}

    def problems(self) -> Iterator[str]:
        if not self.prediction:
            yield 'prediction: this key is required: the column that is logged with role="prediction", such as pred'
