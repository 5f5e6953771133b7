"""Configurations drawn from the types of the configuration's keys, with valid values only or with any."""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from exporter import units
from exporter.configuration.settings import Config, FeatureConfig, SegmentConfig
from exporter.configuration.source_config import SourceConfig
from exporter.configuration.thresholds import FEATURE_MEANINGS, MEANINGS, SHARES
from exporter.decoding.conditions import Where
from exporter.decoding.field_rule import FieldRule

FIELDS = ["timestamp", "prediction", "probability", "latency_us", "features", "model_version", "request_id"]
GOOD_PATHS = ["a", "a.b", "output.label", ["a.b", "c"], "prediction", "features.age", "x.y.z", "timestamp"]
ODD_PATHS = [".", "a..b", "", 'a"b', [], ["a", ""], 5, None]
GOOD_RULES = [
    *GOOD_PATHS,
    "a[0].b",
    "a[-1]",
    "items[*].label",
    'a["b.c"]',
    {"path": "a.b", "decode": ["base64", "json"]},
    {"path": "a[*]", "names": ["age", "country"]},
    {"path": "a", "names": "b.c", "decode": "csv"},
    {"path": "status", "from": 400, "below": 600},
    {"path": "ok", "when": False},
    {"path": "scores", "classes": ["no", "yes"]},
]
ODD_RULES = [
    *ODD_PATHS,
    "a[*][*]",
    "a[b]",
    "$.a",
    {},
    {"path": "a", "decode": "xml"},
    {"path": "a", "names": ["a", "a"]},
    {"path": "a", "names": 5},
    {"path": "a", "when": [], "from": "x"},
    {"path": "a", "classes": 5},
]
GOOD_KEYS = ["event", "a.b", "a[0]"]
GOOD_WANTED = ["prediction", 5, True, None, [1, "a", None], {"prefix": "/p"}, {"from": 1, "below": 2.5}]
ODD_WANTED = [[], {}, {"until": 1}, {"from": "x"}, [[1]], float("nan")]
GOOD_NAMES = ["credit", "age", "country", "plan", "revenue", "amount", "Grüße", "3"]
ODD_NAMES = ["a.b", "", "x" * 300, "\x00", '"', 5]
GOOD_NUMBERS = [1, 2, 0.5, 0.9, 3]
ODD_NUMBERS = [0, 1e-9, 1e300, 10**400, -1, float("nan"), float("inf"), 1_000_000, "high"]


def choice(good: list[Any], odd: list[Any], *, is_odd: bool) -> st.SearchStrategy[Any]:
    return st.sampled_from([*good, *odd] if is_odd else good)


def fields(*, is_odd: bool) -> st.SearchStrategy[Any]:
    rules = choice(GOOD_RULES, ODD_RULES, is_odd=is_odd)
    return st.dictionaries(choice(FIELDS, ["x", "latency_ms"], is_odd=is_odd), rules, max_size=2)


def sources(*, is_odd: bool) -> st.SearchStrategy[Any]:
    query = {"query": st.just("SELECT 1 AS m WHERE 1 > :mark"), "mark": st.just("m")}
    waits = {"every": st.just("1h"), "lag": st.just("1m"), "initial": st.sampled_from([0, 0.5, ""])}
    of_files = st.sampled_from(["cri", "docker", "kserve", "json_lines", "otlp", ["cri", "kserve"]])
    of_streams = st.sampled_from(["arrow", "length_prefixed", ["length_prefixed", "kserve"]])
    good = st.one_of(
        st.sampled_from(["log.jsonl", "*.jsonl", "file:///tmp/no/*.jsonl", "unix://a.sock", "unixgram://b.sock"]),
        st.sampled_from(["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "http:///v1/predictions"]),
        st.fixed_dictionaries(
            {"url": st.sampled_from(["a.jsonl", "b*.jsonl"])},
            optional={"format": of_files, "start": st.just("end")},
        ),
        st.fixed_dictionaries(
            {"url": st.sampled_from(["unix://c.sock", "tcp://127.0.0.1:0", "http:///v2"]), "format": of_streams},
        ),
        st.fixed_dictionaries(
            {"url": st.sampled_from(["c.jsonl", "http:///v3"])},
            optional={
                "where": st.dictionaries(st.sampled_from(GOOD_KEYS), st.sampled_from(GOOD_WANTED), max_size=2),
                "fields": fields(is_odd=False),
                "model": st.sampled_from([{"name": "credit"}, {"version": 3}]),
                "path_fields": st.just("(?P<pod>[^/]+)$"),
                "time_zone": st.just("UTC"),
            },
        ),
        st.fixed_dictionaries({"url": st.just("sqlite:///labels.db"), **query}, optional=waits),
        st.just({"url": "data.log", "format": ["cri", "bentoml"], "prediction": "pred"}),
        st.just({"url": "http:///events", "format": "kserve", "features": ["age", "country"]}),
    )
    odd = st.one_of(
        st.sampled_from(
            ["[", "~/x", "http:///-/healthy", "http:///api/v1/status", "ftp://x", "a\x00b", "", 5, None, {}]
        ),
        st.fixed_dictionaries(
            {"url": st.sampled_from(["a.jsonl", "unix://b.sock", "udp://127.0.0.1:0", "sqlite:///l.db", 5])},
            optional={
                "format": st.sampled_from(["arrow", "bentoml", ["cri", "cri"], ["kserve", "cri"], [], [1], 1, "cvs"]),
                "prediction": st.sampled_from(ODD_PATHS),
                "features": st.lists(st.sampled_from(ODD_NAMES), max_size=2),
                "start": st.sampled_from(["middle"]),
                "where": st.sampled_from(
                    [5, {"a[*]": 1}, {"a": {}}, {"a": []}, {".": 1}, *({"a": x} for x in ODD_WANTED)]
                ),
                "fields": fields(is_odd=True),
                "model": st.sampled_from([5, {"nam": "x"}]),
                "path_fields": st.sampled_from(["(", "x", 5]),
                "connections": st.sampled_from(ODD_NUMBERS),
                "mode": st.sampled_from(["0600", 600]),
                "owner": st.just("nobody-has-this-name"),
                "query": st.sampled_from(["DROP TABLE x", ""]),
            },
        ),
    )
    return st.one_of(good, odd) if is_odd else good


@dataclass(frozen=True)
class Draws:
    """Strategies of values, as YAML has them; with `is_odd`, also of values that are rejected."""

    is_odd: bool
    by_type: Mapping[type, st.SearchStrategy[Any]] = field(init=False)
    by_key: Mapping[str, st.SearchStrategy[Any]] = field(init=False)

    def __post_init__(self) -> None:
        def one(good: list[Any], odd: list[Any]) -> st.SearchStrategy[Any]:
            return choice(good, odd, is_odd=self.is_odd)

        paths, names = one(GOOD_PATHS, ODD_PATHS), one(GOOD_NAMES, ODD_NAMES)
        numbers = one(GOOD_NUMBERS, ODD_NUMBERS)
        by_type: dict[type, st.SearchStrategy[Any]] = {
            bool: st.booleans(),
            int: one([1, 2, 50], ODD_NUMBERS),
            float: numbers,
            str: names,
            units.Duration: one(["5m", "1ms", "1h30m", "30d", "7d", "999999w"], ["9" * 12 + "w", "0s", "", 5]),
            units.Before: one(["previous", "1d"], ["1ms", "never"]),
            units.Size: one(["1KiB", "64KiB", 1], [0, "1XB", "9" * 15 + "GiB"]),
            units.Bounds: one([[0, 1], [None, None], [-5, None]], [[1, 0], [float("nan"), 1], [10**400, None]]),
            units.Tails: one([[0.01, 0.99], [0, 1], [0.3, 0.7]], [[0.5, 0.5], [0.9, 0.1]]),
            units.Ascending: one([[0.1, 1], [-1, 0, 1e300], [5]], [[], [1, 1], [float("nan")], [float("inf")], [None]]),
            units.Day: one(["2026-12-31", "2000-02-29"], ["2026-13-01", "soon", 5]),
            units.Limit: one([0.1, 0, 5], ["x", -1]),
            units.Listen: st.just("127.0.0.1:0"),
            units.FieldPath: paths,
            units.TimeZone: one(["UTC"], ["Mars/Olympus", 5]),
            Where: st.dictionaries(one(GOOD_KEYS, ODD_PATHS[:4]), one(GOOD_WANTED, ODD_WANTED), max_size=2),
            FieldRule: one(GOOD_RULES, ODD_RULES),
            units.FilePath: one(["reference.json"], ["missing.json", ".", "x" * 300, ""]),
            SourceConfig: sources(is_odd=self.is_odd),
        }
        shares = [name for name in MEANINGS if name in SHARES]
        limits = st.dictionaries(one([*FEATURE_MEANINGS], ["x"]), one([0, 0.5, 1], ODD_NUMBERS), max_size=3)
        by_key = {
            "feature": one(["age", "country"], ["x"]),
            "of": one([[]], [["age", "country"], ["x"]]),
            "protected": one([False], [True]),
            "fields": fields(is_odd=self.is_odd),
            "thresholds": st.dictionaries(one(shares, ["x"]), one([0, 0.5, 1], ODD_NUMBERS), max_size=3),
            "features": st.dictionaries(
                one(["age", "income"], ["country", "x"]),
                st.deferred(lambda: self.mappings(FeatureConfig, thresholds=limits)),
                max_size=2,
            ),
            "exported_bins": st.lists(one(["age", "country", "plan"], ["x", ""]), max_size=2, unique=True),
            "windows": st.lists(one(["1m", "5m", "1h"], ["1ms", "x"]), min_size=1, max_size=3, unique=True),
            "state_dir": one(["state"], ["\x00", "reference.json", "x" * 300]),
            "web_config": st.just("missing.yaml") if self.is_odd else st.none(),
            "duplicate_ids": one([0, 3], [10**7, -1]),
            "significance": one([0.01, 0.5], [0, 1, 2]),
            "epsilon": one([0.0001], [0, 1]),
            "sources": st.lists(by_type[SourceConfig], min_size=0 if self.is_odd else 1, max_size=3, unique_by=repr),
        }
        segments = [{"name": "x"}, {"name": "y", "path": "a.b", "bounds": [1]}, {"name": "z", "of": ["x", "y"]}]
        object.__setattr__(self, "by_type", by_type)
        drawn = st.lists(st.deferred(lambda: self.mappings(SegmentConfig)), max_size=3)
        object.__setattr__(self, "by_key", by_key | {"segments": drawn | st.just(segments)})

    def values(self, kind: Any) -> st.SearchStrategy[Any]:
        """Return values of a type."""
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self.values(inner[0])
        if origin in (Union, types.UnionType):
            return st.one_of(*(self.values(option) for option in inner if option is not types.NoneType))
        if origin is Literal:
            return choice([*inner], ["x"], is_odd=self.is_odd)
        if origin in (list, tuple, dict):
            parts = [self.values(part) for part in inner if part is not ...]
            return st.dictionaries(*parts, max_size=3) if origin is dict else st.lists(*parts, max_size=3)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.mappings(kind)
        return self.by_type[kind]

    def mappings(
        self, struct: type[msgspec.Struct], **own: st.SearchStrategy[Any]
    ) -> st.SearchStrategy[dict[str, Any]]:
        """Return mappings with some of the keys of a Struct, some of them with values of their own."""
        fields, by_key = msgspec.structs.fields(struct), {**self.by_key, **own}
        keys = {each.name: by_key[each.name] if each.name in by_key else self.values(each.type) for each in fields}
        required = {each.name: keys.pop(each.name) for each in fields if each.required}
        return st.fixed_dictionaries(required, optional=keys)


configurations = st.one_of(Draws(is_odd=False).mappings(Config), Draws(is_odd=True).mappings(Config))
