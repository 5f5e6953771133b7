"""The JSON schema of the exporter's configuration, for the values of the Helm chart."""

import json
import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from exporter.configuration.settings import Config, SegmentConfig

LINE = re.compile(r'^    "config": .*$', re.MULTILINE)


def values_schema(root: Path) -> tuple[Path, str]:
    """Return the path of the chart's schema, and its text with that of `config`."""
    file = root / "deploy/helm/prediction-exporter/values.schema.json"
    # The chart adds required keys itself.
    line = f'    "config": {json.dumps(schema(Config))},'
    return file, LINE.sub(lambda _: line, file.read_text())


def schema(kind: Any) -> dict[str, Any]:
    """Return the schema of a type: the keys at any depth, and types that YAML has. `check` finds other mistakes."""
    origin, arguments = get_origin(kind), [each for each in get_args(kind) if each is not type(None)]
    found: dict[str, Any] = {"type": "boolean"} if kind is bool else {}
    if origin is Annotated or (origin in (Union, UnionType) and len(arguments) == 1):
        found = schema(arguments[0])
    elif origin is Literal:
        found = {"enum": arguments}
    elif origin is dict:
        found = {"type": "object", "additionalProperties": schema(arguments[1])}
    elif origin in (list, tuple):
        found = {"type": "array", "items": schema(arguments[0])}
    # A segment may be its name alone.
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not SegmentConfig:
        fields = {field.encode_name: schema(field.type) for field in msgspec.structs.fields(kind)}
        found = {"type": "object", "additionalProperties": False, "properties": fields}
    return found
