"""exporter/CONFIGURATION.md: every key of the configuration's Structs, with the text below it in the code."""

import ast
import inspect
import textwrap
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from exporter import units
from exporter.configuration import settings
from exporter.configuration.schemas import LABEL_FIELDS
from exporter.configuration.source_config import RecordOptions, SourceConfig
from exporter.configuration.thresholds import (
    DEFAULT_THRESHOLDS,
    FAIRNESS_THRESHOLDS,
    MEANINGS,
    SHARES,
    TRUTH_THRESHOLDS,
)
from exporter.decoding.conditions import Where
from exporter.decoding.field_rule import FieldOptions, FieldRule, Names
from exporter.decoding.pairs import PairOptions
from exporter.decoding.schema import RECORD_FIELDS
from exporter.formats import FORMATS
from exporter.formats.format import Format
from exporter.sources import SOURCES
from exporter.sources.source import SourceOptions
from exporter.sources.url import SourceUrl
from exporter.web import settings as web

EXAMPLE = Path(__file__).parent / "example.yaml"
INTRODUCTION = """\
# Configuration

This page lists every key of the configuration file, with its type and its default. Use it to look up a key; to get
started, copy the example. `prediction-exporter check --config FILE` lists all mistakes in a file, and
`prediction-exporter run --config FILE` runs it. Relative paths are relative to the file. Unknown keys are mistakes.
To reload the file, send SIGHUP: see [reload](#reload). `make reference` writes this page from the code.
"""
RELOAD = """\
## Reload

To reload the file, send SIGHUP to the process, or set `reload_endpoint: true` and POST to `/-/reload`.

- If the file has mistakes, they are logged, nothing changes, and
  `prediction_exporter_config_last_reload_successful` is 0.
- Otherwise, the file takes effect at once. Sources that have not changed keep their connections and positions, and
  statistics that have not changed keep their counts. Statistics with other buckets, another reference, another window
  or another segment restart at zero.
- Changes of `listen`, `state_dir`, `web_config` and `reload_endpoint` need a restart, and so does adding or removing
  `ground_truth`.
"""
SOURCES_INTRODUCTION = """\
### `sources[]`

A source is a URL or path, or a mapping with a `url`, a `format` and options. Which options exist depends on the scheme
of the URL and on the format. `format` is the name of a [format](#formats), or a list of a wrapper and the format inside
it, such as `[cri, bentoml]`; the default is `json_lines`. [Sources](sources/README.md) describes what each source
guarantees.
"""
WORDS: Mapping[Any, str] = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    units.Duration: "duration",
    units.Size: "size",
    units.FileMode: "mode",
    units.Listen: "`HOST:PORT`",
    units.Ascending: "ascending numbers",
    units.FilePath: "path of a file",
    SourceConfig: "source",
    units.FieldPath: "path",
    units.NamedGroups: "regular expression",
    units.TimeZone: "time zone",
    FieldRule: "path or mapping",
    Names: "list of names, or path",
    Where: "mapping to values",
    units.Bounds: "bounds",
    units.Limit: "limit",
    units.Day: "date",
    units.Tails: "two quantiles",
    units.Before: "`previous` or duration",
    web.Secret: "text",
    web.BcryptHash: "hash",
    web.HeaderValue: "text",
    web.Interval: "duration",
}


SPELLINGS = [kind for kind in vars(units).values() if isinstance(kind, type) and hasattr(kind, "parse")]


def page() -> str:
    return "\n".join([INTRODUCTION, *_example(), *_sections(), RELOAD])


def documented(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the text below each field of a Struct, by the field's name; raises KeyError if one has none."""
    found = {}
    for owner in reversed(struct.__mro__[: struct.__mro__.index(msgspec.Struct)]):
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(definition, ast.ClassDef)
        for field, text in zip(definition.body, definition.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
                found[field.target.id] = " ".join(str(text.value.value).split()) if is_text else ""
    return {name: found[name] for name in struct.__struct_fields__}


def _example() -> Iterator[str]:
    yield f"## Example\n\nOnly `sources` is required.\n\n```yaml\n{EXAMPLE.read_text()}```\n"


def _sections() -> Iterator[str]:
    yield "## Keys\n"
    yield from _table(settings.Config)
    for title, struct in (
        ("model", settings.ModelConfig),
        ("models.NAME", settings.ModelSettings),
        ("features.NAME", settings.FeatureConfig),
        ("expected[]", settings.ExpectedChange),
        ("ground_truth", settings.GroundTruthConfig),
        ("segments[]", settings.SegmentConfig),
        ("business[]", settings.BusinessConfig),
        ("drift", settings.DriftConfig),
        ("smoothing", settings.SmoothingConfig),
        ("buckets", settings.BucketsConfig),
        ("quality", settings.QualityConfig),
        ("limits", settings.LimitsConfig),
    ):
        yield f"### `{title}`\n\n{inspect.cleandoc(struct.__doc__ or '')}\n"
        yield from _table(struct)
    yield from _sources()
    yield f"### `sources[].pair`\n\n{inspect.cleandoc(PairOptions.__doc__ or '')}\n"
    yield from _table(PairOptions)
    yield from _fields()
    yield from _where()
    yield from _thresholds()
    yield from _spellings()
    yield from _web()


def _sources() -> Iterator[str]:
    yield SOURCES_INTRODUCTION
    yield "#### All sources\n"
    yield from _table(RecordOptions)
    for options in SOURCES:
        yield f"#### `{options.scheme}`\n\n{_first(options)[:-1]}, such as `{options.example}`.\n"
        yield from _table(options)
    yield "#### Formats\n\nThe options of a format are keys of the source.\n"
    yield "| `format` | | options | sources |\n| --- | --- | --- | --- |"
    for name, each in FORMATS.items():
        keys = "; ".join(f"`{key}`: {text}" for key, text in documented(each).items()) or "none"
        carriers = ", ".join(f"`{options.scheme}`" for options in SOURCES if _carries(options, each))
        text = f"{_first(each)}{' A wrapper.' if each.is_wrapper else ''}"
        yield f"| `{name}` | {text} | {keys} | {carriers if each.needs_stream else 'all'} |"
    yield ""


def _carries(options: type[SourceOptions], each: type[Format]) -> bool:
    return options.carries_streams or not each.needs_stream


def _first(struct: type[msgspec.Struct]) -> str:
    return (struct.__doc__ or "").partition("\n")[0]


def _fields() -> Iterator[str]:
    yield "### `fields`\n\nThe paths of these fields of a record can be set ([meanings](sources/README.md#the-log)):"
    yield f"{', '.join(f'`{name}`' for name in RECORD_FIELDS)}. The path `.` is the record itself, for `features` only."
    yield "Instead of a path, a field may have a mapping:\n"
    yield from _table(FieldOptions)
    yield f"In `ground_truth.fields`: {', '.join(f'`{name}`' for name in LABEL_FIELDS)}.\n"


def _where() -> Iterator[str]:
    yield "### `where`\n\nA mapping of paths to what the values there must be"
    yield "([examples](LOGS.md#which-lines-are-records)):\n"
    yield "| value | matches |\n| --- | --- |"
    yield "| `prediction`, `200`, `true` | this value; `200` is also the text `200` |"
    yield "| `[approve, deny]` | one of these values |"
    yield "| `null` | no value: absent or null |"
    yield "| `{prefix: /v1/}` | text that starts so |"
    yield "| `{from: 200, below: 300}` | a number in these limits; either may be left out |\n"


def _thresholds() -> Iterator[str]:
    yield "### `thresholds`\n\nThresholds are exported as `model_threshold`, which alerts use. If a threshold has no"
    yield "default here, the rules have one ([alerts/models.yaml](../alerts/models.yaml)).\n"
    yield "| key | type | default | |\n| --- | --- | --- | --- |"
    for name, meaning in MEANINGS.items():
        default = (DEFAULT_THRESHOLDS | TRUTH_THRESHOLDS | FAIRNESS_THRESHOLDS).get(name)
        besides = " with `ground_truth`" * (name in TRUTH_THRESHOLDS)
        besides += " with protected segments" * (name in FAIRNESS_THRESHOLDS)
        spelt = "in the rules" if default is None else f"`{default:g}`{besides}"
        kind = "number, 0 to 1" if name in SHARES else WORDS[units.Limit]
        yield f"| `{name}` | {kind} | {spelt} | {meaning} |"
    yield ""


def _spellings() -> Iterator[str]:
    yield "## Types\n\n| type | |\n| --- | --- |"
    for kind in SPELLINGS:
        text = " ".join((kind.__doc__ or "").split())
        yield f"| {WORDS[kind]} | {text} |".replace("**", "\\*\\*")
    yield ""


def _web() -> Iterator[str]:
    yield "## The web configuration\n\n`web_config` and `--web-config` name a separate file. Its format is"
    yield "[Prometheus' web configuration](https://prometheus.io/docs/prometheus/latest/configuration/https/);"
    yield "see [the differences](web/README.md).\n"
    yield from _table(web.WebConfig)
    for title, struct in (
        ("tls_server_config", web.TlsConfig),
        ("http_server_config", web.HttpConfig),
        ("http_server_config.headers", web.Headers),
        ("rate_limit", web.RateLimit),
    ):
        yield f"### `{title}`\n"
        yield from _table(struct)


def _table(struct: type[msgspec.Struct]) -> Iterator[str]:
    yield "| key | type | default | |\n| --- | --- | --- | --- |"
    texts = dict(zip(struct.__struct_encode_fields__, documented(struct).values(), strict=True))
    for key, kind, default in _keys(struct):
        yield f"| `{key}` | {kind} | {default} | {texts[key]} |"
    yield ""


def _keys(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str, str]]:
    """Yield each key, its type and its default."""
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        if field.required:
            default = "required"
        else:
            default = _default(field.default_factory() if field.default is msgspec.NODEFAULT else field.default)
        yield field.encode_name, _type(hints[field.name]), default


def _type(kind: Any) -> str:  # noqa: PLR0911  # one per kind of type
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return f"{_type(inner[0])}{''.join(map(_constraint, inner[1:]))}"
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in inner if choice)
    if origin in (Union, types.UnionType):
        # A whole number is no news beside any.
        options = [option for option in inner if option is not type(None) and not (option is int and float in inner)]
        return " or ".join(map(_type, options))
    if origin in (tuple, list):
        return (
            "list"
            if isinstance(inner[0], type) and issubclass(inner[0], msgspec.Struct)
            else f"list of {_type(inner[0])}"
        )
    if origin is dict:
        return f"mapping to {_type(inner[1])}"
    if issubclass(kind, SourceUrl):
        return "URL"
    return "mapping" if kind not in WORDS and issubclass(kind, msgspec.Struct) else WORDS[kind]


def _constraint(meta: msgspec.Meta) -> str:
    told = (("over", meta.gt), ("at least", meta.ge), ("below", meta.lt), ("at most", meta.le))
    bounds = [f"{word} {bound:,}" for word, bound in told if bound is not None]
    return f", {' and '.join(bounds)}" if bounds else ", not empty" if meta.min_length else ""


def _default(value: Any) -> str:
    if value is None or value in ("", (), [], {}) or isinstance(value, msgspec.Struct):
        return "see below" if isinstance(value, msgspec.Struct) else "none"
    return f"`{_spelt(value)}`"


def _spelt(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, units.FileMode):
        return f'"{value:04o}"'
    if isinstance(value, units.Size):
        return f"{value // 1024**2}MiB"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_spelt, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
