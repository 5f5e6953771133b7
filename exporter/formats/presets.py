"""Logs of well-known servers, whose layout is a declaration in the syntax of the configuration's `fields`.

The names of features and classes are the model's own, so that they are options.
"""

import base64
import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from exporter.decoding.conditions import Where, value_at
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.mapping import Parse
from exporter.decoding.pairs import PairOptions
from exporter.decoding.rows import json_value
from exporter.decoding.schema import merged_fields
from exporter.formats.format import Format
from exporter.units import FieldPath

OUTCOMES = {"prediction", "probability"}


class Preset(Format, frozen=True):
    """A format whose fields lie at places that are known; those of the configuration replace them.

    `layout` is where they lie, as in the configuration. `prediction` there is the model's output.
    """

    carries_labels: ClassVar[bool] = False
    layout: ClassVar[Mapping[str, Any]]

    features: tuple[str, ...] = ()
    """The names of the features in lists, in order."""
    prediction: str | None = None
    """The key of the prediction, if outputs are objects, such as `label`."""
    classes: tuple[str | int | bool, ...] = ()
    """The classes of outputs that are scores, in order; of two for a single score, which is that of the second one."""

    def fields(self, configured: Mapping[str, FieldRule]) -> Mapping[str, FieldRule]:
        layout = {name: {"path": place} if isinstance(place, str) else place for name, place in self.layout.items()}
        if self.features and "features" in layout:
            layout["features"] = {**layout["features"], "names": [*self.features]}
        output = layout.pop("prediction")
        if self.prediction:
            output = {**output, "path": f"{output['path']}[{json.dumps(self.prediction)}]"}
        if not configured.keys() & OUTCOMES:
            layout |= (
                {"probability": {**output, "classes": [*self.classes]}} if self.classes else {"prediction": output}
            )
        return merged_fields(configured, {name: FieldRule.parse(place) for name, place in layout.items()})

    def problems(self) -> Iterator[str]:
        if len(set(self.features)) < len(self.features):
            yield "features: duplicate name"


class SageMaker(Preset, frozen=True):
    """SageMaker's data capture of CSV, JSON or JSON lines, also in base64."""

    name: ClassVar[str] = "sagemaker"
    layout: ClassVar[Mapping[str, Any]] = {
        "timestamp": "eventMetadata.inferenceTime",
        "request_id": "eventMetadata.eventId",
        "features": "request[*]",
        "prediction": "response[*]",
    }

    @property
    def parse(self) -> Parse:
        return _captured


class AzureMl(Preset, frozen=True):
    """Azure Machine Learning's data collector: the events of `model_inputs` and `model_outputs`."""

    name: ClassVar[str] = "azureml"
    pair: ClassVar[PairOptions | None] = PairOptions(
        FieldPath(("correlationid",)), response=Where.parse({"type": "azureml.inference.model_outputs"})
    )
    layout: ClassVar[Mapping[str, Any]] = {
        "timestamp": "time",
        "request_id": "correlationid",
        "features": "request.data[*]",
        "prediction": "response.data[*]",
    }

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if not self.prediction:
            yield "prediction: this key is required: the column of model_outputs that is the prediction, such as label"


class MlFlow(Preset, frozen=True):
    """Requests in MLflow's `dataframe_split`, and their `predictions`."""

    name: ClassVar[str] = "mlflow"
    layout: ClassVar[Mapping[str, Any]] = {
        "features": {"path": "request.dataframe_split.data[*]", "names": "request.dataframe_split.columns"},
        "prediction": "response.predictions[*]",
    }


class LiteLlm(Preset, frozen=True):
    """LiteLLM's standard logging payload; the prediction is the status of the request."""

    name: ClassVar[str] = "litellm"
    layout: ClassVar[Mapping[str, Any]] = {
        "timestamp": "startTime",
        "request_id": "id",
        "model_name": "model",
        "latency_seconds": "response_time",
        "error_type": "error_information.error_class",
        "prediction": "status",
    }


def _captured(line: bytes) -> tuple[Any, bool]:
    """Return an event of data capture with its `request` and `response` as lists; raises RejectedError."""
    event, is_odd = json_value(line)
    if not isinstance(event, dict):
        return event, is_odd
    for name, place in (("request", "endpointInput"), ("response", "endpointOutput")):
        captured = value_at(event, ("captureData", place))
        if isinstance(captured, dict) and isinstance(captured.get("data"), str):
            event[name] = _items(captured["data"], captured)
    return event, is_odd


def _items(text: str, captured: Mapping[str, Any]) -> Any:
    """Return the rows of CSV, or the instances or predictions of JSON; None if the text is neither."""
    encoding, content_type = str(captured.get("encoding")), str(captured.get("observedContentType"))
    try:
        if encoding == "BASE64":
            text = base64.b64decode(text, validate=True).decode()
        if encoding == "CSV" or content_type.startswith("text/csv"):
            return [row for row in csv.reader(text.splitlines(), skipinitialspace=True) if row]
        if content_type.startswith("application/jsonlines"):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        value = json.loads(text)
    except (ValueError, RecursionError, csv.Error):
        return None
    if isinstance(value, dict):
        value = value.get("instances", value.get("predictions", value))
    return value
