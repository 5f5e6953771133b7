"""The log of `bentoml.monitor`: its columns lie at the top level, beside `timestamp` and `request_id`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from exporter.decoding.schema import FEATURES, Path
from exporter.formats.format import Format


class BentoMl(Format, frozen=True):
    """The log of `bentoml.monitor`."""

    name: ClassVar[str] = "bentoml"
    carries_labels: ClassVar[bool] = False

    prediction: str | None = None
    """The column that is logged with `role="prediction"`; required."""

    def fields(self, configured: Mapping[str, Path]) -> Mapping[str, Path]:
        return {**configured, FEATURES: (), "prediction": (self.prediction or "prediction",)}

    def problems(self) -> Iterator[str]:
        if not self.prediction:
            yield 'prediction: this key is required: the column that is logged with role="prediction", such as pred'
