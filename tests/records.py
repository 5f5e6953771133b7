"""Records to test with: a reference profile, strategies that draw log lines good and bad, and builders of the core.

Numbers are drawn as multiples of 1/64, whose sums are exact, so that equal means equal whatever was added first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from exporter.batch import Series
from exporter.config import Config
from exporter.decode import Decoder
from exporter.engine import BadLine, Engine, Limits
from exporter.profile import VERSION, Categorical, Feature, Numeric, Profile
from exporter.schema import Schema
from exporter.sidecar import Measures, measures
from exporter.snapshot import Snapshot, Stream
from exporter.windows import Window

NOW = 1_700_000_000.0
PAST_SECONDS = 30 * 86400.0
FUTURE_SECONDS = 300.0
DEFAULT = Series("credit", "3")
WINDOWS = (Window("1m", 60.0), Window("1h", 3600.0))
SOURCE = "file:///log"
STREAM = Stream(SOURCE, "/log", 1, 2, 3)
# Latency in seconds, so that multiples of 1/64 stay what they are.
FIELDS = {"latency_seconds": ("latency_seconds",)}


def numeric(
    edges: Sequence[float],
    counts: Sequence[int] = (),
    *,
    least: float = 0.0,
    greatest: float = 100.0,
    missing: int = 0,
    other: int = 0,
) -> Numeric:
    """Make a numeric feature of a reference, with 100 values a bin where not told."""
    edges, counts = list(edges), list(counts) or [100] * (len(edges) + 1)
    return Numeric(
        edges=edges,
        counts=counts,
        missing=missing,
        other=other,
        mean=50.0,
        stddev=10.0,
        min=least,
        max=greatest,
        cuts=edges,
        cut_counts=counts,
        tail_means=(least, greatest),
    )


def categorical(counts: Mapping[str, int], *, missing: int = 0, other: int = 0) -> Categorical:
    """Make a categorical feature of a reference."""
    return Categorical(categories=dict(counts), missing=missing, other=other, distinct=len(counts))


def reference(features: Mapping[str, Feature], classes: Iterable[str] = ()) -> Profile:
    """Make a reference profile."""
    known = dict.fromkeys(classes, 100)
    return Profile(
        version=VERSION, rows=1000, features=dict(features), prediction=categorical(known) if known else None
    )


PROFILE = reference(
    {
        "age": numeric([30.0, 40.0, 50.0], [250, 250, 250, 240], least=18.0, greatest=65.0, missing=10),
        "plan": categorical({"basic": 600, "missing": 100, "other": 200}, missing=50, other=50),
        "income": numeric([0.5], [500, 500], least=-8.0, greatest=8.0),
        "country": categorical({"DE": 700, "FR": 290, "1": 10}),
    },
    classes=("approve", "deny"),
)
CHOSEN = measures(Config(sources=[]), PROFILE)


def schema(profile: Profile | None = PROFILE, fields: Mapping[str, tuple[str, ...]] | None = None) -> Schema:
    """Return the schema of a log; the default's latencies are in seconds."""
    features = (tuple(profile.numeric), tuple(profile.categorical)) if profile else ()
    return Schema(FIELDS if fields is None else fields, *features)


def decoder(profile: Profile | None = PROFILE, fields: Mapping[str, tuple[str, ...]] | None = None) -> Decoder:
    """Return a decoder of logs."""
    return Decoder(schema(profile, fields), DEFAULT, past_seconds=PAST_SECONDS, future_seconds=FUTURE_SECONDS)


def engine(
    *,
    chosen: Measures = CHOSEN,
    profile: Profile | None = PROFILE,
    windows: Sequence[Window] = WINDOWS,
    sources: Iterable[str] = (SOURCE,),
    line_bytes: int = 4096,
    models: int = 20,
    classes: int = 100,
    errors: int = 100,
    known_series: Sequence[Series] = (),
    known_classes: Sequence[str] = (),
    restored: Snapshot | None = None,
    report: Callable[[BadLine], None] = lambda _: None,
) -> Engine:
    """Return an engine of all statistics."""
    return Engine(
        chosen.statistics,
        windows,
        dict.fromkeys(sources, decoder(profile)),
        Limits(line_bytes=line_bytes, models=models, prediction_classes=classes, error_types=errors),
        known_series=known_series,
        known_classes=known_classes,
        restored=restored,
        report=report,
    )


def line(record: Any) -> bytes:
    """Spell a record as a line of a log; NaN and Infinity as Python's encoder writes them."""
    return json.dumps(record).encode() + b"\n"


def block(records: Iterable[Any]) -> bytes:
    return b"".join(map(line, records))


def good(**fields: Any) -> dict[str, Any]:
    """Return a record that is as it should be, with some fields of one's own."""
    return {"timestamp": NOW, "prediction": "approve"} | fields


dyadic = st.integers(-640, 64 * 80).map(lambda n: n / 64)
ages = st.one_of(st.sampled_from([17.0, 18, 30, 30.0, 40, 50.0, 65, 65.015625, None]), dyadic)
incomes = st.one_of(st.sampled_from([-8, 0.5, 8, 1e300, -1e300, 2**70, None]), dyadic)
countries = st.sampled_from(["DE", "FR", "XX", "", 1, 1.0, True, 2**70, None])
plans = st.sampled_from(["basic", "missing", "other", "gold", None])
weird = st.sampled_from([float("nan"), float("inf"), -float("inf"), True, "old", [1], {"a": 1}])
sound_features = st.fixed_dictionaries(
    {}, optional={"age": ages, "income": incomes, "country": countries, "plan": plans}
)
features = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(values, values, weird)
        for name, values in {"age": ages, "income": incomes, "country": countries, "plan": plans}.items()
    },
)
times = st.one_of(
    st.integers(0, 8000).map(lambda second: NOW - second),
    st.sampled_from(
        [None, NOW + 200, NOW - 29 * 86400, "2023-11-14T22:13:20Z", "2023-11-14T23:12:20+01:00", "2023-11-14T22:10:20"]
    ),
)
series_fields = st.sampled_from(
    [
        {},
        {},
        {"model_version": "4"},
        {"model_version": 4},
        {"model_name": "fraud"},
        {"model_name": "fraud\n", "model_version": 1.5},
    ]
)
outcomes = st.sampled_from(
    [
        {"prediction": "approve"},
        {"prediction": "deny"},
        {"prediction": 1},
        {"prediction": True},
        {"prediction": 0.25},
        {"prediction": "x" * 300},
        {"prediction": "new"},
        {"error_type": "timeout"},
        {"error_type": "oom", "prediction": "deny"},
        {"prediction": "approve", "error_type": ""},
    ]
)
latencies = st.one_of(st.sampled_from([0.25, 0.5, 1.0, 0, 1000]), st.integers(0, 200).map(lambda n: n / 64), st.none())
probabilities = st.one_of(
    st.integers(0, 64).map(lambda n: n / 64),
    st.sampled_from([None, {"approve": 0.5, "deny": 0.25}, {"other": 0.125}, {}]),
)


def _records(features: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    rest = st.fixed_dictionaries(
        {}, optional={"features": features, "latency_seconds": latencies, "probability": probabilities}
    )
    parts = st.tuples(times.map(lambda time: {"timestamp": time}), series_fields, outcomes, rest)
    return parts.map(lambda drawn: drawn[0] | drawn[1] | drawn[2] | drawn[3])


# All is as it should be; a feature may be wrong; the record is refused.
sound_records = _records(sound_features)
good_records = _records(features)
bad_records = st.sampled_from(
    [
        {},
        [],
        None,
        {"prediction": None},
        {"prediction": "refused", "model_version": "refused", "latency_seconds": -1},
        {"prediction": "refused", "timestamp": NOW + 301},
        {"error_type": "refused", "timestamp": NOW - 31 * 86400},
        {"prediction": "refused", "probability": 1.5},
        {"prediction": ["refused"]},
        {"prediction": "refused", "latency_seconds": float("nan")},
    ]
)
records = st.one_of(good_records, good_records, good_records, bad_records)
logs = st.lists(records, max_size=10)
