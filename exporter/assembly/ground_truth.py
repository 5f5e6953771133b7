"""Ground truth as the configuration has it: how its sources are read, and what is wrong with them.

A truth is decoded as a prediction is, its `actual` in the place of the prediction, so that every form of a log serves.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from exporter.assembly.forms import Forms
from exporter.configuration import business, source_settings
from exporter.configuration.settings import Config, GroundTruth
from exporter.configuration.units import FieldPath
from exporter.configuration.validation import nearest
from exporter.decoding.checks import TruthChecks
from exporter.decoding.schema import Path, Schema, SchemaError

FIELDS = {"request_id": "request_id", "actual": "prediction", "timestamp": "timestamp", "timestamp_ms": "timestamp_ms"}
FORMATS = ("lines", "cri", "docker", "arrow")
# Of a prediction, and of no meaning in a truth; a log may have them all the same.
NOWHERE = ("probability", "latency_ms", "error_type", "model_name", "model_version", "features")


def forms(config: Config, truth: GroundTruth) -> Forms:
    """Return how the sources of truth are read."""
    fields = {name: FieldPath(path) for name, path in _fields(truth).items()}
    read = msgspec.structs.replace(config, sources=truth.sources, fields=fields, segments=())
    return Forms(read, None, TruthChecks, business.of_truths(config))


def _fields(truth: GroundTruth) -> dict[str, Path]:
    unread = {name: ("", name) for name in NOWHERE}
    return unread | {"prediction": ("actual",)} | {FIELDS[name]: path for name, path in truth.fields.items()}


def problems(config: Config) -> Iterator[str]:
    """Yield mistakes, each beginning with its key."""
    truth = config.ground_truth
    if truth is None:
        return
    yield from source_settings.problems(truth.sources, "sources", "file:///var/log/model/labels*.jsonl")
    taken = set(map(source_settings.place, config.sources))
    for index, source in enumerate(truth.sources):
        if source_settings.place(source) in taken:
            yield f"sources[{index}]: {source.url.path or source.url} is read as predictions already"
        if source.format not in FORMATS:
            yield f"sources[{index}].format: `{source.format}` is for predictions; truth has {', '.join(FORMATS)}"
    for name, path in truth.fields.items():
        if name not in FIELDS:
            yield f"fields.{name}: no such field of a truth{nearest(name, FIELDS)}"
        elif not path:
            yield f"fields.{name}: expected a path such as outcome.label"
    if all(name in FIELDS and path for name, path in truth.fields.items()):
        try:
            Schema(_fields(truth), asked_for=("request_id",), amounts=business.of_truths(config)).tree()
        except SchemaError as error:
            yield f"fields: {error}"
