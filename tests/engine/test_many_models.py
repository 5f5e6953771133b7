"""Several models in one log: each is counted by its own settings and reference, as by an exporter of its own."""

import ast
import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporter.assembly import planning
from exporter.batch import Series
from exporter.configuration import loading
from exporter.configuration.loading import ConfigError, LoadedConfig
from exporter.engine.engine import Engine
from exporter.exposition.collector import Collector
from exporter.joins.memory_store import MemoryStore
from exporter.lines.buffer import IngestRequest
from exporter.lines.stream import Stream
from exporter.reference import profile_file
from exporter.reference.profile import Profile
from exporter.state.checkpoint import decode, encode
from exporter.state.snapshot import Snapshot
from tests.formats import kserve_events
from tests.formats.arrow import streams
from tests.records import NOW, PROFILE, block, categorical, numeric, reference, vector

LOG, LABELS = Stream("/log", "/log", 1, 1), Stream("/labels", "/labels", 1, 2)
# The same name is a number in one model, a category in another, and a vector in the third.
REFERENCES: Mapping[str, Profile] = {
    "credit": PROFILE,
    "churn": reference(
        {"age": categorical({"young": 600, "old": 400}), "visits": numeric([1.0, 4.0], [300, 400, 300])},
        classes=("stay", "leave"),
    ),
    "meta-llama/Llama-3": reference(
        {"age": vector([0.5, 0.5], [[0.5]], [[500, 500]]), "tokens": numeric([10.0], [500, 500])}
    ),
}
COUNTED = {
    *("model_predictions_total", "model_feature_bin_total", "model_feature_quality_total", "model_feature_drift_psi"),
    *("model_prediction_latency_seconds_count", "model_segment_predictions_total", "model_window_samples"),
}
Figures = dict[tuple[str, ...], float]


def features_of(model: str, rng: random.Random) -> dict[str, Any]:
    if model == "credit":
        return {
            "age": rng.choice([25, 45, None, "x"]),
            "plan": rng.choice(["basic", "gold"]),
            "income": rng.gauss(0, 2),
        }
    if model == "churn":
        return {"age": rng.choice(["young", "old", 3]), "visits": rng.randrange(9), "new": 1}
    return {"age": rng.choice([[0.1, 0.9], [1, 2, 3], None]), "tokens": rng.randrange(30)}


def records(count: int, seed: int = 0, models: Iterable[str] = (*REFERENCES, "unheard-of")) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    names = list(models)
    found = []
    for n in range(count):
        model = rng.choice(names)
        record = {
            "request_id": f"{seed}-{n}",
            "timestamp": NOW - rng.random() * 4000,
            "model_name": model,
            "model_version": rng.choice(["1", "2"]),
            "features": features_of(model, rng),
            "prediction": rng.choice(["approve", "deny", "stay"]),
            "probability": rng.random(),
            "latency_ms": rng.random() * 100,
            "channel": rng.choice(["web", "app"]),
        }
        if rng.random() < 0.05:
            record["error_type"] = "timeout"
        found.append(record)
    return found


def labels(of: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = [record["request_id"] for record in of]
    return [{"request_id": each, "actual": "deny", "timestamp": NOW} for each in ids if each.endswith("0")]


def loaded(folder: Path, *lines: str) -> LoadedConfig:
    for name, profile in REFERENCES.items():
        (folder / f"{name.replace('/', '_')}.json").write_bytes(profile_file.dump(profile))
    file = folder / "config.yaml"
    file.write_text("\n".join(["sources: [/log]", "ground_truth: {sources: [/labels]}", "segments: [channel]", *lines]))
    return loading.load(file)


def mixed(folder: Path, **references: str) -> LoadedConfig:
    """Return the configuration of all models but one, each with its own reference and thresholds."""
    models = {
        name: {
            "reference": f"{references.get(name, name).replace('/', '_')}.json",
            "thresholds": {"accuracy": round(0.1 * place, 1)},
        }
        for place, name in enumerate(REFERENCES, 5)
    }
    return loaded(folder, f"models: {json.dumps(models)}")


def alone(folder: Path, model: str, **references: str) -> LoadedConfig:
    """Return the configuration of an exporter for one model."""
    place = [*REFERENCES].index(model) + 5
    profile = references.get(model, model).replace("/", "_")
    return loaded(
        folder,
        f"reference: {profile}.json",
        f"model: {{name: {model}}}",
        f"thresholds: {{accuracy: {round(0.1 * place, 1)}}}",
    )


class Running:
    """An engine of a configuration, and what collects its metrics."""

    def __init__(self, configured: LoadedConfig, restored: Snapshot | None = None) -> None:
        plan, self.collector = planning.plan(*configured)
        self.engine = Engine(plan, restored, store=MemoryStore())
        for stream in (LOG, LABELS):
            self.engine.open(stream)

    def read(self, some: list[dict[str, Any]], now: float = NOW) -> None:
        self.engine.feed(LOG, block(some), now)
        self.engine.fold()
        self.engine.feed(LABELS, block(labels(some)), now)

    def reload(self, configured: LoadedConfig) -> None:
        plan, self.collector = planning.plan(*configured)
        self.engine.adopt(plan)

    def figures(self, model: str) -> Figures:
        return figures_of(self.collector, self.engine.snapshot(NOW), model)


def restored(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot as the next start reads it."""
    return msgspec.structs.replace(decode(encode(snapshot)), deltas=snapshot.deltas)


def figures_of(collector: Collector, snapshot: Snapshot, model: str) -> Figures:
    """Return all samples of a model, by name and labels."""
    return {
        (sample.name, *map(str, sorted(sample.labels.items()))): sample.value
        for family in collector.collect(snapshot)
        for sample in family.samples
        if sample.labels.get("model_name") == model
    }


def comparable(figures: Figures) -> Any:
    """Return the figures of the versions in the log, without those of sampled records, which depend on the block."""
    default = str(("model_version", "unknown"))
    return {key: value for key, value in figures.items() if default not in key and key[0] != "model_unknown_features"}


@pytest.mark.parametrize("model", REFERENCES)
def test_each_model_has_the_figures_of_an_exporter_of_its_own(tmp_path: Path, model: str) -> None:
    log = records(6000)
    together, separate = Running(mixed(tmp_path)), Running(alone(tmp_path, model))
    together.read(log)
    separate.read([record for record in log if record["model_name"] == model])
    expected = separate.figures(model)
    assert any(key[0] == "model_feature_drift_psi" for key in expected)
    assert comparable(together.figures(model)) == pytest.approx(comparable(expected), nan_ok=True)


@pytest.mark.parametrize("text", ["same", "other"])
def test_text_that_looks_like_a_name_does_not_mislead(tmp_path: Path, text: str) -> None:
    # The text comes before the name, and stands for every model in turn, or for another one from some time on.
    log = [
        {"note": {"model_name": text if text == "same" or n < 3000 else record["model_name"][::-1]}, **record}
        for n, record in enumerate(records(6000))
    ]
    log += [{"note": {"model_name": "churn"}, **record} for record in records(3000, 1)]
    together = Running(mixed(tmp_path))
    for start in range(0, len(log), 1000):
        together.read(log[start : start + 1000])
    for model in REFERENCES:
        separate = Running(alone(tmp_path, model))
        separate.read([record for record in log if record["model_name"] == model])
        assert comparable(together.figures(model)) == pytest.approx(comparable(separate.figures(model)), nan_ok=True)


@pytest.mark.parametrize("model", REFERENCES)
def test_also_after_a_restart_and_a_reload_with_another_reference(tmp_path: Path, model: str) -> None:
    first, second, third = records(2000, 1), records(2000, 2), records(2000, 3)
    swapped = {"credit": "churn"}

    def run(before: LoadedConfig, after: LoadedConfig, names: set[str]) -> Figures:
        def of(some: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [record for record in some if record["model_name"] in names]

        running = Running(before)
        running.read(of(first))
        running = Running(before, restored(running.engine.snapshot(NOW)))
        running.read(of(second))
        running.reload(after)
        running.read(of(third))
        return running.figures(model)

    together = run(mixed(tmp_path), mixed(tmp_path, **swapped), {*REFERENCES, "unheard-of"})
    separate = run(alone(tmp_path, model), alone(tmp_path, model, **swapped), {model})
    assert comparable(together) == pytest.approx(comparable(separate), nan_ok=True)


def test_the_parts_of_a_request_are_in_one_receipt_and_rejected_lines_keep_their_places(tmp_path: Path) -> None:
    plan, _ = planning.plan(*mixed(tmp_path))
    bad = []
    running = Engine(plan, report=bad.append, store=MemoryStore())
    lines = [json.dumps(record).encode() for record in records(40)]
    lines[7], lines[20] = b"not JSON", b'{"model_name": "churn", "prediction": null}'
    *_, receipt = [*_steps(running, b"\n".join((*lines, b"")))]
    assert (receipt.records, sum(line.count for line in receipt.rejected)) == (38, 2)
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in (7, 20)]
    assert sorted(line.offset for line in bad) == starts


def _steps(running: Engine, body: bytes) -> Iterable[Any]:
    receipt = yield from running.ingest("/log", IngestRequest(body), NOW)
    yield receipt


def test_a_model_without_a_reference_has_no_drift(tmp_path: Path) -> None:
    running = Running(mixed(tmp_path))
    running.read(records(500))
    found = {key[0] for key in running.figures("unheard-of")}
    assert not [name for name in found if name.startswith(("model_feature", "model_reference_info"))]
    assert {"model_predictions_total", "model_outcomes_total", "model_segment_predictions_total"} <= found
    missing = {
        (model, value)
        for model in (*REFERENCES, "unheard-of")
        for key, value in running.figures(model).items()
        if key[0] == "model_reference_missing"
    }
    assert missing == {*((model, 0.0) for model in REFERENCES), ("unheard-of", 1.0)}


class TestWhichModelAReferenceIsFor:
    def drifting(self, folder: Path, *lines: str, log: list[dict[str, Any]] | None = None) -> set[str]:
        """Return the models that are compared with a reference."""
        running = Running(loaded(folder, *lines))
        running.read(records(300) if log is None else log)
        models = {record["model_name"] for record in records(300)}
        return {model for model in models if any(key[0] == "model_reference_info" for key in running.figures(model))}

    def test_the_one_that_the_profile_names(self, tmp_path: Path) -> None:
        profile = json.loads(profile_file.dump(REFERENCES["churn"])) | {"model_name": "churn"}
        (tmp_path / "named.json").write_text(json.dumps(profile))
        assert self.drifting(tmp_path, "reference: named.json", "model: {name: credit}") == {"churn"}

    def test_or_else_the_default_model(self, tmp_path: Path) -> None:
        assert self.drifting(tmp_path, "reference: churn.json", "model: {name: credit}") == {"credit"}

    def test_or_else_the_only_one_that_has_settings_and_no_reference(self, tmp_path: Path) -> None:
        models = "models: {churn: {thresholds: {accuracy: 0.5}}, credit: {reference: credit.json}}"
        assert self.drifting(tmp_path, "reference: churn.json", models) == {"churn", "credit"}

    @pytest.mark.parametrize("first", ["credit", "unheard-of"])
    def test_or_else_the_first_in_the_log_also_after_a_restart(self, tmp_path: Path, first: str) -> None:
        log = sorted(records(300), key=lambda record: record["model_name"] != first)
        configured = loaded(tmp_path, "reference: credit.json")
        running = Running(configured)
        running.read(log)
        again = Running(configured, restored(running.engine.snapshot(NOW)))
        again.read(log[::-1])
        for each in (running, again):
            with_reference = {
                model
                for model in (*REFERENCES, "unheard-of")
                if any(key[0] == "model_reference_info" for key in each.figures(model))
            }
            assert with_reference == {first}

    def test_a_version_may_have_its_own(self, tmp_path: Path) -> None:
        running = Running(
            loaded(tmp_path, "models: {credit: {reference: credit.json, versions: {2: {reference: churn.json}}}}")
        )
        running.read(records(300, models=["credit"]))
        ids = {key[-1] for key in running.figures("credit") if key[0] == "model_reference_info"}
        assert ids == {str(("reference_id", REFERENCES[name].reference_id)) for name in ("credit", "churn")}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["models: {credit: {reference: nowhere.json}}"], ["models.credit.reference: nowhere.json: No such file or"]),
        (["models: {credit: {refrence: a}}"], ["models.credit.refrence: unknown key; did you mean `reference`?"]),
        (["models: {'*': {reference: credit.json}}"], ["models.*.reference: a reference is for one model"]),
        (["models: {'*': {versions: {1: {}}}}"], ["models.*.versions: versions are of one model"]),
        (["models: {credit: {versions: {1.0: {}}}}"], ["models.credit.versions: expected text for a key, got 1.0"]),
        (["models: {credit: {thresholds: {acuracy: 1}}}"], ["models.credit.thresholds.acuracy: no such threshold"]),
        (
            ["models: {credit: {versions: {1: {thresholds: {accuracy: 2}}}}}"],
            ["models.credit.versions.1.thresholds.accuracy: expected a share from 0 to 1, got 2"],
        ),
        (
            ["models: {credit: {reference: credit.json, features: {agee: {ignore: true}}}}"],
            ["models.credit.features.agee: no such feature of the reference; did you mean `age`?"],
        ),
        (
            ["models: {churn: {reference: churn.json, features: {age: {bounds: [0, 1]}}}}"],
            ["models.churn.features.age.bounds: only a numeric feature has bounds"],
        ),
        (
            ["models: {credit: {reference: credit.json, segments: [age]}}"],
            ["models.credit.segments[0]: age is a numeric feature, expected a categorical one"],
        ),
        (
            ["models: {churn: {reference: churn.json, favourable: yes please}}"],
            ["models.churn.favourable: expected one of leave, stay, got yes please"],
        ),
        (
            ["reference: credit.json", "models: {a: {}, b: {}}"],
            ["reference: it does not say which of the `models` it is for; give it as models.NAME.reference"],
        ),
        (
            ["reference: credit.json", "model: {name: a}", "models: {a: {reference: churn.json}}"],
            ["reference: it is for a, which has another one at models.a.reference"],
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, lines: list[str], expected: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, *lines)
    problems = [problem.split("config.yaml: ", 1)[1].replace(f"{tmp_path}/", "") for problem in raised.value.problems]
    assert len(problems) == len(expected), problems
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


def test_an_ignored_feature_is_neither_monitored_nor_unknown(tmp_path: Path) -> None:
    models = "models: {credit: {reference: credit.json, features: {income: {ignore: true}}}}"
    running = Running(loaded(tmp_path, models))
    running.read(records(300, models=["credit"]))
    figures = running.figures("credit")
    names = {label for key in figures for label in key if label.startswith("('feature_name'")}
    assert "('feature_name', 'age')" in names
    assert "('feature_name', 'income')" not in names
    assert {value for key, value in figures.items() if key[0] == "model_unknown_features"} == {0.0}


def test_the_share_of_the_favourable_class_is_exported_of_each_model_and_segment(tmp_path: Path) -> None:
    running = Running(loaded(tmp_path, "models: {churn: {favourable: stay}}"))
    log = records(2000)
    running.read(log)
    of_model = [
        record
        for record in log
        if record["model_name"] == "churn" and "error_type" not in record and record["timestamp"] > NOW - 3600
    ]
    figures = running.figures("churn")
    for version in "12":
        for channel in (None, "web", "app"):
            found = [
                record["prediction"] == "stay"
                for record in of_model
                if record["model_version"] == version and channel in (None, record["channel"])
            ]
            of_segment = channel and ("segment", "channel")
            labels = [
                *[("model_name", "churn"), ("model_version", version)],
                *([("segment", "channel"), ("segment_value", channel)] if of_segment else []),
                ("window", "1h"),
            ]
            name = "model_segment_favourable_ratio" if of_segment else "model_favourable_ratio"
            # The hour ends with the pane of now, so that its start is a pane more or less.
            assert figures[name, *map(str, labels)] == pytest.approx(sum(found) / len(found), abs=0.02)
    assert not [key for key in running.figures("credit") if "favourable" in key[0]]


def test_drifted_features_count_by_their_importance(tmp_path: Path) -> None:
    for importance, expected in ((1, 1 / 2), (3, 3 / 4), (0, 0.0)):
        profile = reference({name: numeric([5.0], [500, 500], least=0, greatest=9) for name in ("moved", "same")})
        (tmp_path / "profile.json").write_bytes(profile_file.dump(profile))
        moved = f"features: {{moved: {{importance: {importance}}}}}"
        running = Running(loaded(tmp_path, "models: {m: {reference: profile.json, " + moved + "}}"))
        rows = [{"moved": 1, "same": 10 * (n % 2)} for n in range(400)]
        record = {"model_name": "m", "model_version": "1", "timestamp": NOW, "prediction": "a"}
        running.read([record | {"request_id": str(n), "features": features} for n, features in enumerate(rows)])
        found = {value for key, value in running.figures("m").items() if key[0] == "model_drifted_features_ratio"}
        assert found == {expected}


class TestForgetting:
    DAY = 86400.0

    def test_the_live_version_keeps_its_name_through_a_year_of_releases(self, tmp_path: Path) -> None:
        running = Running(loaded(tmp_path, "limits: {models: 6}"))
        sizes = []
        for version in range(50):
            now = NOW + version * 7 * self.DAY
            some = records(20, version, models=["credit"])
            running.read([record | {"model_version": str(version), "timestamp": now} for record in some], now)
            snapshot = running.engine.snapshot(now)
            assert Series("credit", str(version)) in snapshot.totals
            running = Running(loaded(tmp_path, "limits: {models: 6}"), restored(snapshot))
            sizes.append(len(encode(msgspec.structs.replace(snapshot, deltas={}))))
        assert snapshot.capped == {}
        assert len(snapshot.series) == 5
        assert sizes[-1] < 1.2 * sizes[10]

    def test_a_version_that_returns_starts_at_zero_and_a_configured_one_is_kept(self, tmp_path: Path) -> None:
        configured = loaded(tmp_path, "models: {credit: {versions: {1: {}}}}", "limits: {idle: 10d}")
        running = Running(configured)
        running.read(records(100, models=["credit"]))
        later = NOW + 11 * self.DAY
        assert {*running.engine.snapshot(later).series} == {Series("credit", "1")}
        again = [record | {"model_version": "2", "timestamp": later} for record in records(3, models=["credit"])]
        running.read(again, later)
        snapshot = running.engine.snapshot(later)
        assert snapshot.totals[Series("credit", "2")]["model_prediction_latency_seconds"][..., -2].sum() <= 3
        assert Series("credit", "1") in snapshot.totals


def test_known_series_start_at_zero_and_have_places_of_their_own(tmp_path: Path) -> None:
    configured = loaded(tmp_path, "models: {a: {versions: {1: {}, 2: {}}}, b: {}}", "limits: {models: 1}")
    running = Running(configured)
    assert {*running.engine.snapshot(NOW).series} == {Series("a", "1"), Series("a", "2")}
    log = [record | {"model_name": name} for record in records(30, models=["x"]) for name in ("c", "d", "b", "a")]
    running.read(log)
    assert {*running.engine.snapshot(NOW).series} == {
        *(Series("a", version) for version in "12"),
        Series("b", "other"),
        # The one place that the limit leaves, and further versions of a model that has one.
        Series("c", log[0]["model_version"]),
        Series("c", "other"),
        Series("other", "other"),
    }


class TestOtherFormats:
    def test_arrow_is_read_as_the_same_records_in_json_are(self, tmp_path: Path) -> None:
        # A column of Arrow is of one type; `age` is a category of churn.
        log = [
            record | {"features": {"age": n % 70, "income": n / 4, "visits": n % 9}}
            for n, record in enumerate(records(900, models=["credit", "churn", "unheard-of"]))
        ]
        lines, arrow = Running(mixed(tmp_path)), Running(mixed(tmp_path))
        lines.read(log)
        list(arrow.engine.ingest("/log", IngestRequest(streams.stream(streams.batch(log)), is_arrow=True), NOW))
        for model in ("credit", "churn", "unheard-of"):
            expected = {key: value for key, value in lines.figures(model).items() if "outcome" not in key[0]}
            found = arrow.figures(model)
            assert {key: found.get(key) for key in expected if key[0] in COUNTED} == pytest.approx(
                {key: value for key, value in expected.items() if key[0] in COUNTED}, nan_ok=True
            )

    def test_features_by_position_have_the_names_of_the_service_s_own_reference(self, tmp_path: Path) -> None:
        for service, names in (("tall", ["height", "weight"]), ("wide", ["width", "depth"])):
            profile = reference({name: numeric([5.0], [500, 500], least=0, greatest=99) for name in names})
            (tmp_path / f"{service}.json").write_bytes(profile_file.dump(profile))
        file = tmp_path / "config.yaml"
        file.write_text(
            "sources: [{url: 'http:///v1/predictions', format: kserve}]\n"
            "limits: {past: 10000d}\n"
            "models: {tall: {reference: tall.json}, wide: {reference: wide.json}}\n"
        )
        plan, collector = planning.plan(*loading.load(file))
        running = Engine(plan)
        bodies = {"request": {"instances": [[1, 9]] * 150}, "response": {"predictions": [1] * 150}}
        for service in ("tall", "wide", "unheard-of"):
            for kind, body in bodies.items():
                about = {"ce_inferenceservicename": service, "ce_id": service}
                headers, whole = kserve_events.structured(kind, body, **about)
                assert headers["content-type"] == "application/cloudevents+json"
                list(running.ingest("http:///v1/predictions", IngestRequest(whole + b"\n"), NOW))
        snapshot = running.snapshot(NOW)
        for service, names in (("tall", {"height", "weight"}), ("wide", {"width", "depth"}), ("unheard-of", set())):
            figures = figures_of(collector, snapshot, service)
            counted = {
                (dict(map(ast.literal_eval, key[1:]))["feature_name"], value)
                for key, value in figures.items()
                if key[0] == "model_feature_bin_total" and value
            }
            assert counted == {(name, 150.0) for name in names}
