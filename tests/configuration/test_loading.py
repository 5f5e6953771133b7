"""The configuration, through the command `check`: every mistake at once, each one line."""

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exporter.cli import main
from exporter.configuration import loading, schemas
from exporter.configuration.loading import load
from exporter.configuration.settings import ModelConfig
from exporter.reference import profile_file
from tests.records import PROFILE, categorical, numeric, reference


def check(folder: Path, text: str) -> Result:
    file = folder / "config.yaml"
    file.write_text(text)
    return CliRunner().invoke(main, ["check", "--config", str(file)])


def problems(folder: Path, text: str) -> list[str]:
    result = check(folder, text)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    prefix = f"prediction-exporter: {folder / 'config.yaml'}"
    assert all(line.startswith(prefix) for line in result.output.splitlines())
    return [line.removeprefix(prefix).removeprefix(": ") for line in result.output.splitlines()]


SOURCES = "sources: [/var/log/model.jsonl]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "the file: expected a mapping of keys, got nothing", id="empty"),
        pytest.param("- 1", "the file: expected a mapping of keys, got [1]", id="list"),
        pytest.param("listen: :9465", "sources: this key is required", id="no sources"),
        pytest.param("sources: []", "sources: expected at least one source, such as", id="empty sources"),
        pytest.param("sources: /a", "sources: expected a list, got '/a'", id="sources no list"),
        pytest.param("sources: [ftp://x:1]", "sources[0].url: expected a path or a URL such as", id="scheme"),
        pytest.param("sources: [{start: end}]", "sources[0].url: this key is required", id="no url"),
        pytest.param("sources: [/a, /a]", "sources[1]: duplicate /a: another source reads it", id="twice"),
        pytest.param(
            "sources: [{url: /a, start: now}]", "sources[0].start: expected beginning or end, got 'now'", id="start"
        ),
        pytest.param(
            "sources: [{url: 'postgresql://u:secret@h/db', query: 'SELECT :mark', mark: m}]",
            "sources[0].url: expected postgresql://USER@HOST/DATABASE, got another; a password: `password_file`",
            id="password in the URL",
        ),
        pytest.param(
            "sources: [{url: 'postgresql://u@h/db?password=secret', query: 'SELECT :mark', mark: m}]",
            "sources[0].url: expected postgresql://USER@HOST/DATABASE, got another; a password: `password_file`",
            id="password as a parameter",
        ),
        pytest.param(
            "sources: [{url: 'postgresql://h:http/db', query: 'SELECT :mark', mark: m}]",
            "sources[0].url: expected postgresql://USER@HOST/DATABASE, got another; a password: `password_file`",
            id="port of a database",
        ),
        pytest.param(
            "sources: [{url: 'sqlite://', query: 'SELECT :mark', mark: m}]",
            "sources[0].url: expected sqlite:////PATH",
            id="sqlite",
        ),
        pytest.param(
            "sources: [{url: 'sqlite:////a', query: 'SELECT :mark'}]",
            "sources[0].mark: this key is required: the col",
            id="mark",
        ),
        pytest.param(
            "sources: [{url: 'sqlite:////a', mark: m}]",
            "sources[0].query: this key is required, such as SELECT",
            id="query",
        ),
        pytest.param(
            "sources: [{url: 'sqlite:////a', mark: m, query: SELECT 1}]",
            "sources[0].query: expected one parameter, :mark, and found none",
            id="no parameter",
        ),
        pytest.param(
            "sources: [{url: 'sqlite:////a', mark: m, query: 'SELECT :mark::int'}]",
            "sources[0].query: expected one parameter, :mark, and found ",
            id="cast",
        ),
        pytest.param(
            "sources: [{url: 'sqlite:////a', mark: m, query: 'SELECT :mark', mode: '0600'}]",
            "sources[0].mode: a sqlite source has no such option; it has format, query, mark, initial, every, lag",
            id="option of sqlite",
        ),
        pytest.param(
            "sources: [{url: 'postgresql:///db', mark: m, query: 'SELECT :mark', password_file: /none}]",
            "sources[0].password_file: /none: No such file or directory",
            id="no password file",
        ),
        pytest.param(
            "sources: [{url: /a, query: x}]", "sources[0].query: a file source has no such option", id="not sql"
        ),
        pytest.param("sources: [tcp://x]", "sources[0].url: expected an address such as", id="no port"),
        pytest.param(
            "sources: [tcp://x:1, tcp://x:1]",
            "sources[1]: duplicate tcp://x:1: another source reads it",
            id="address twice",
        ),
        pytest.param(
            "sources: [{url: tcp://x:1, start: end}]",
            "sources[0].start: a tcp source has no such option; it has format, connections, idle_timeout",
            id="option of another source",
        ),
        pytest.param(
            "sources: [{url: udp://x:1, connections: 2}]",
            "sources[0].connections: a udp source has no",
            id="udp options",
        ),
        pytest.param(
            "sources: [{url: unixgram:///a, format: length_prefixed}]",
            "sources[0].format: `length_prefixed` is for unix and tcp and http sources",
            id="length in a datagram",
        ),
        pytest.param(
            "sources: [{url: unix:///a, mode: 432}]",
            'sources[0].mode: expected permissions in quotes such as "0660", got 432',
            id="mode",
        ),
        pytest.param(
            "sources: [{url: unix://a, format: [length_prefixed, arrow]}]",
            "sources[0].format: `arrow` cannot be wrapped in `length_prefixed`",
            id="arrow wrapped",
        ),
        pytest.param(
            "sources: [{url: unixgram://a, format: arrow}]",
            "sources[0].format: `arrow` is for unix and tcp and http sources",
            id="arrow datagram",
        ),
        pytest.param(
            "sources: [{url: /a, format: [kserve, cri]}]",
            "sources[0].format: expected at most one wrapper (cri, docker, length_prefixed) followed by one",
            id="wrapper inside",
        ),
        pytest.param(
            "sources: [{url: /a, format: [cri, kserv]}]",
            "sources[0].format[1]: no such format: 'kserv'; did you mean `kserve`?",
            id="unknown format",
        ),
        pytest.param(
            "sources: [{url: /a, format: bentoml}]",
            "sources[0].prediction: this key is required: the column",
            id="bentoml without its prediction",
        ),
        pytest.param(
            "sources: [{url: 'http:///a', features: [a]}]",
            "sources[0].features: only a source of `format: kserve` or ",
            id="features of no kserve",
        ),
        pytest.param(
            "sources: [{url: 'http:///a', format: kserve, features: [a, a]}]",
            "sources[0].features: duplicate name",
            id="feature twice",
        ),
        pytest.param(
            "sources: [{url: /a, format: bentoml}]",
            "sources[0].prediction: this key is required: the column that is logged with role",
            id="bentoml without its prediction",
        ),
        pytest.param(SOURCES + "listn: :1", "listn: unknown key; did you mean `listen`?", id="unknown key"),
        pytest.param(
            SOURCES + "zzz: 1",
            "zzz: unknown key; known: buckets, business, drift, expected, exported_bins, favourable, features",
            id="no key near",
        ),
        pytest.param(SOURCES + "limits: {model: 1}", "limits.model: unknown key; did you mean `models`?", id="nested"),
        pytest.param(SOURCES + "limits: {models: 0}", "limits.models: expected a whole number >= 1, got 0", id="bound"),
        pytest.param(SOURCES + "limits: {line_bytes: 1 MB!}", "limits.line_bytes: expected a size such as", id="size"),
        pytest.param(
            SOURCES + "windows: [5x]", "windows[0]: expected a duration such as 30s, 5m or 24h", id="duration"
        ),
        pytest.param(SOURCES + "windows: [5m, 300s]", "windows[1]: duplicate 300s", id="same window"),
        pytest.param(SOURCES + "windows: []", "windows: expected at least one duration", id="no windows"),
        pytest.param(
            SOURCES + "listen: 9465", "listen: expected an address such as 0.0.0.0:9465, got 9465", id="listen"
        ),
        pytest.param(SOURCES + "listen: a:99999", "listen: expected an address such as", id="port"),
        pytest.param(SOURCES + "model: credit", "model: expected a mapping of keys, got 'credit'", id="model"),
        pytest.param(SOURCES + "model: {name: [1]}", "model.name: expected text, got [1]", id="model name"),
        pytest.param(SOURCES + "thresholds: {accuracy: high}", "thresholds.accuracy: expected a number", id="number"),
        pytest.param(
            SOURCES + "thresholds: {latency_p99_seconds: -1}",
            "thresholds.latency_p99_seconds: expected a number of at least 0, or for seconds a duration such as 14h, "
            "got -1",
            id="threshold below 0",
        ),
        pytest.param(
            SOURCES + "thresholds: {accuracy: 80}",
            "thresholds.accuracy: expected a share from 0 to 1, got 80",
            id="threshold of a share in percent",
        ),
        pytest.param(
            SOURCES + "thresholds: {acuracy: 1}",
            "thresholds.acuracy: no such threshold; did you mean `accuracy`?",
            id="threshold",
        ),
        pytest.param(
            SOURCES + "fields: {duration: a}",
            "fields.duration: no such record field; known: actual, attributions, error_type, features, latency, ",
            id="unknown field",
        ),
        pytest.param(
            SOURCES + "fields: {timestamp_us: a}",
            "fields.timestamp_us: no such record field; did you mean `timestamp` (a date and time, or a "
            "number since epoch in any unit) or "
            "`timestamp_ms` (milliseconds since epoch)?",
            id="field in another unit",
        ),
        pytest.param(
            SOURCES + "fields: {predicton: a}",
            "fields.predicton: no such record field; did you mean `prediction`?",
            id="field",
        ),
        pytest.param(
            SOURCES + "thresholds: {drift_psi: 0.2}",
            "thresholds.drift_psi: no such threshold; did you mean `feature_drift_psi` (",
            id="threshold that may be one of several",
        ),
        pytest.param(
            SOURCES + "model: {version: 3.0}",
            'model.version: expected a whole number or text, got 3.0; write "3.0", in quotes',
            id="version that is a number",
        ),
        pytest.param(SOURCES + "fields: {prediction: a..b}", "fields.prediction: expected a path such as", id="path"),
        pytest.param(SOURCES + "fields: {prediction: .}", "fields.prediction: expected a path such as", id="top level"),
        pytest.param(
            SOURCES + "fields: {latency_ms: a, latency_seconds: b}",
            "fields.latency_seconds: give one of latency_seconds, latency_ms",
            id="units",
        ),
        pytest.param(
            SOURCES + "fields: {prediction: timestamp.x}",
            "fields.prediction: `timestamp.x` (prediction) lies within `timestamp`, which is read as timestamp",
            id="within",
        ),
        pytest.param(
            SOURCES + "fields: {prediction: a, model_name: a}",
            "fields.prediction: `a` is read as model_name already",
            id="same path",
        ),
        pytest.param(SOURCES + "reference: no.json", "/no.json: No such file or directory", id="reference"),
        pytest.param(SOURCES + "reference: config.yaml", "/config.yaml: not JSON", id="reference no JSON"),
        pytest.param(SOURCES + "state_dir: config.yaml", "state_dir: ", id="state_dir a file"),
        pytest.param(
            SOURCES + "buckets: {probability: [1, 0]}", "buckets.probability: expected ascending numbers", id="buckets"
        ),
        pytest.param(
            SOURCES + "smoothing: {epsilon: 2}", "smoothing.epsilon: expected a number < 1.0, got 2", id="eps"
        ),
        pytest.param(SOURCES + "segments: country", "segments: expected a list, got 'country'", id="segments no list"),
        pytest.param(
            SOURCES + "segments: [{nam: a, name: b}]",
            "segments[0].nam: unknown key; did you mean `name`?",
            id="seg key",
        ),
        pytest.param(SOURCES + "segments: [{path: a}]", "segments[0].name: this key is required", id="no name"),
        pytest.param(SOURCES + "segments: [5]", "segments[0]: expected a mapping of keys, got 5", id="segment no text"),
        pytest.param(SOURCES + "segments: [a, a]", "segments[1]: duplicate a", id="segment twice"),
        pytest.param(SOURCES + "segments: [a..b]", "segments[0]: expected a path such as", id="segment path"),
        pytest.param(
            SOURCES + "segments: [{name: a, path: .}]", "segments[0]: expected a path such as", id="segment top level"
        ),
        pytest.param(
            SOURCES + "segments: [b, {name: a, path: b.c}]",
            "segments[1]: `b.c` (segment a) lies within `b`, which is read as segment b",
            id="segment within",
        ),
        pytest.param(
            SOURCES + "segments: [{name: how_long, path: latency_ms}]",
            "segments[0]: `latency_ms` is read as latency_ms already, and cannot be segment how_long too",
            id="segment of a number",
        ),
        pytest.param(
            SOURCES + "limits: {segment_value: 3}",
            "limits.segment_value: unknown key; did you mean `segment_values`?",
            id="segment limit",
        ),
        pytest.param("a: [", ":1:5: expected the node content", id="YAML"),
        pytest.param("a: 1\na: 2", ":2:1: duplicate key `a`", id="key twice"),
        pytest.param("a: \x00", "not YAML: ", id="control character"),
    ],
)
def test_a_mistake_is_one_line_with_its_path_and_what_was_expected(tmp_path: Path, text: str, expected: str) -> None:
    (told,) = problems(tmp_path, text)
    assert expected in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[agee]", "exported_bins[0]: the reference has no feature `agee`; did you mean `age`?", id="near"),
        pytest.param(
            "[age, x]", "exported_bins[1]: the reference has no feature `x`; known: age, country", id="nothing near"
        ),
        pytest.param("age", "exported_bins: expected a list, got 'age'", id="no list"),
        pytest.param("[1]", "exported_bins[0]: expected text, got 1", id="no name"),
    ],
)
def test_features_whose_bins_are_exported_are_the_reference_s(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "reference.json").write_bytes(profile_file.dump(PROFILE))
    (told,) = problems(tmp_path, f"{SOURCES}reference: reference.json\nexported_bins: {text}")
    assert told.startswith(expected)


def test_bins_to_export_need_a_reference_that_can_be_read(tmp_path: Path) -> None:
    expected = ["exported_bins: there are no bins without a `reference`"]
    assert problems(tmp_path, SOURCES + "exported_bins: [age]") == expected
    (told,) = problems(tmp_path, SOURCES + "reference: no.json\nexported_bins: [age]")
    assert told.startswith("reference:")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("{attributions: why, prediction: why.age}", "fields: `why.age` is read as prediction already, and cannot be"),
        (
            "{attributions: features}",
            "fields: `features.age` is read as age already, and cannot be attribution age",
        ),
        ("{attributions: .}", "fields.attributions: expected a path such as timing.total; only `features` can lie at"),
    ],
)
def test_attributions_have_a_place_of_their_own(tmp_path: Path, fields: str, expected: str) -> None:
    (tmp_path / "reference.json").write_bytes(profile_file.dump(PROFILE))
    (told,) = problems(tmp_path, f"{SOURCES}reference: reference.json\nfields: {fields}")
    assert told.startswith(expected)
    assert check(tmp_path, SOURCES + "exported_bins: []").exit_code == 0


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = """
listn: 1
sources: [/a, {url: /b, start: x}, {start: end}]
windows: [5m, 1]
reference: nowhere.json
fields: {latencies: a, latency_ms: ""}
thresholds: {accuracy: high, drift: 1}
limits: {models: -1, past: never}
"""
    keys = [problem.split(":")[0] for problem in problems(tmp_path, text)]
    assert sorted(keys) == [
        "fields.latencies",
        "fields.latency_ms",
        "limits.models",
        "limits.past",
        "listn",
        "reference",
        "sources[1].start",
        "sources[2].url",
        "thresholds.accuracy",
        "thresholds.drift",
        "windows[1]",
    ]


FEATURES = reference({"age": numeric([40.0]), "country": categorical({"DE": 9}), "plan": categorical({"a": 1})})


def test_a_segment_is_no_numeric_feature(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_bytes(profile_file.dump(FEATURES))
    (told,) = problems(tmp_path, SOURCES + "reference: reference.json\nsegments: [country, age]")
    assert told == (
        "segments[1]: age is a numeric feature, expected a categorical one, or `bounds` that split it into bands; "
        "known: country, plan"
    )


def test_a_segment_that_may_be_a_feature_misspelt_is_noted(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_bytes(profile_file.dump(FEATURES))
    text = SOURCES + "reference: reference.json\nsegments: [plan, county, prediction, request.channel]"
    noted = [line.split(": ", 1)[1] for line in check(tmp_path, text).output.splitlines() if "segments" in line]
    assert noted == [
        "note: segments[1]: county is not a known feature; it is read from the record itself; did you mean `country`?"
    ]


def test_a_constant_in_the_place_of_half_a_record_is_noted(tmp_path: Path) -> None:
    noted = check(tmp_path, SOURCES + "smoothing: {epsilon: 0.0001}").output
    assert (
        "note: smoothing.epsilon: it changes the PSI only; its p-value and critical value, and the PSI that " in noted
    )
    assert "smoothing.epsilon" not in check(tmp_path, SOURCES).output


def test_a_password_in_an_address_is_not_told(tmp_path: Path) -> None:
    for url in ("mysql://u:secret@h/db", "postgresql://u:sec/ret@h:1/db", "postgres://u:secret@@h"):
        (told,) = problems(tmp_path, f"sources: [{{url: '{url}'}}]")
        assert told.startswith("sources[0].url: expected")
        assert "sec" not in told


def test_what_a_database_needs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    expected = "sources[0].url: sqlalchemy and psycopg not installed: pip install 'prediction-exporter[sql]'"
    text = "sources: [{url: 'postgresql:///db', mark: m, query: 'SELECT :mark'}]"
    assert problems(tmp_path, text) == [expected]


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "none.yaml")])
    assert (result.exit_code, result.output) == (
        2,
        f"prediction-exporter: {tmp_path / 'none.yaml'}: No such file or directory\n",
    )


def test_a_good_file_is_good_and_what_may_not_be_meant_is_noted(tmp_path: Path) -> None:
    result = check(tmp_path, "sources: [nothing/*.jsonl]")
    assert result.exit_code == 0
    assert [line.split(": ", 1)[1] for line in result.output.splitlines()] == [
        "note: no reference: there will be no drift; make one with `prediction-exporter profile`",
        "note: no state_dir: counters start at zero at each start",
        f"note: sources[0].url: nothing matches {tmp_path}/nothing/*.jsonl yet",
        "good",
    ]


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("sources: [logs/*.jsonl, file:///abs.jsonl]\nstate_dir: state")
    settings, _ = loading.load(file)
    assert [source.options.url.place for source in settings.sources] == [f"{tmp_path}/logs/*.jsonl", "/abs.jsonl"]
    assert settings.state_dir == f"{tmp_path}/state"


def test_a_threshold_in_seconds_may_be_a_duration(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SOURCES + "thresholds: {idle_seconds: 14h, latency_p99_seconds: 300ms, mae: 2}")
    settings, _ = loading.load(file)
    assert settings.thresholds == {"idle_seconds": 50400, "latency_p99_seconds": 0.3, "mae": 2}


def test_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SOURCES)
    settings, _ = loading.load(file)
    assert settings.listen == "0.0.0.0:9465"
    assert list(settings.windows) == ["5m", "1h", "24h"]
    assert settings.limits.line_bytes == 1024**2
    assert settings.limits.prediction_classes == 100
    assert settings.limits.models == 20
    assert settings.limits.segment_values == 20


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "run: give either --config FILE or --source URL"),
        (["--config", "a", "--source", "b"], "run: give either --config FILE or --source URL"),
        (["--config", "a", "--listen", "b"], "run: --reference, --listen and --web-config need --source"),
        (["--source", "ftp://x"], "--source: expected a path or a URL"),
        (["--source", "/x", "--listen", "y"], "--listen: expected an address"),
        (["--source", "/x", "--reference", "/no.json"], "--reference: /no.json: No such file"),
        (["--config", "/no.yaml"], "/no.yaml: No such file or directory"),
    ],
)
def test_run_refuses_bad_options_in_one_line(options: list[str], expected: str) -> None:
    result = CliRunner().invoke(main, ["run", *options])
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert expected in result.output


def test_what_is_not_on_this_machine_is_noted(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    sources = (
        "{url: unix://a.sock, group: nobody-has-it}",
        "{url: unix://b.sock, owner: nobody-is-it}",
        "{url: 'sqlite:////absent/labels.db', mark: m, query: 'WITH a AS (SELECT 1) SELECT m FROM a WHERE m > :mark'}",
        "{url: 'sqlite:////absent/more.db', mark: m, query: 'select m from t where m > :mark limit 10'}",
    )
    result = check(tmp_path, f"sources: [{', '.join(sources)}]\nground_truth: {{sources: [/absent/labels.jsonl]}}\n")
    assert result.exit_code == 0
    noted = [line.split("note: ")[1] for line in result.output.splitlines() if "sources[" in line]
    assert noted == [
        "sources[0].group: this machine has no group nobody-has-it",
        "sources[1].owner: this machine has no user nobody-is-it",
        "sources[2].url: there is no /absent/labels.db yet",
        "sources[3].url: there is no /absent/more.db yet",
        "sources[3].query: it ends with a LIMIT, so rows may be missed; `rows` limits how many are read at a time",
        "ground_truth.sources[0].url: nothing matches /absent/labels.jsonl yet",
    ]


@pytest.mark.parametrize("query", ["UPDATE t SET a = :mark", "DROP TABLE t", "INSERT INTO t SELECT :mark"])
def test_a_query_that_does_not_select_is_refused(tmp_path: Path, query: str) -> None:
    pytest.importorskip("sqlalchemy")
    text = f"sources: [{{url: 'sqlite:////a', mark: m, query: {query!r}}}]"
    assert problems(tmp_path, text) == ["sources[0].query: expected one SELECT"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- {url: a, fields: {lat: x}}", "sources[0].fields.lat: no such record field"),
        ("- {url: a, fields: {prediction: {path: a, from: 3}}}", "sources[0].fields.prediction: only `error_type` has"),
        (
            "- {url: a, fields: {timestamp: {path: a, names: [b]}}}",
            "sources[0].fields.timestamp.names: only `features`",
        ),
        ("- {url: a, fields: {features: {path: a, classes: [b]}}}", "sources[0].fields.features.classes: only `prob"),
        (
            "- {url: a, fields: {features: {path: a, decode: xml}}}",
            "sources[0].fields.features.decode: expected json, ",
        ),
        (
            "- {url: a, fields: {latency: a, latency_ms: b}}",
            "sources[0].fields.latency_ms: give one of latency_ms, lat",
        ),
        ("- {url: a, where: {'b[*]': 1}}", "sources[0].where.b[*]: expected the path of one value"),
        ("- {url: a, where: {b: {until: 1}}}", "sources[0].where.b.until: unknown key"),
        ("- {url: a, path_fields: '('}", "sources[0].path_fields: expected a regular expression"),
        ("- {url: a, time_zone: Mars/Olympus}", "sources[0].time_zone: expected a time zone such as Europe/Berlin"),
        ("- {url: a, model: {nam: x}}", "sources[0].model.nam: unknown key; did you mean `name`?"),
        ("- {url: a, format: csv}", "sources[0].columns: this key is required"),
        ("- {url: a, format: text, pattern: x}", "sources[0].pattern: expected a regular expression with named groups"),
        ("- {url: a, format: [cri, json]}", "sources[0].format: `json` cannot be wrapped in `cri`"),
        (
            "- {url: a, format: kserve, fields: {prediction: x}}",
            "sources[0].fields: the fields of `format: kserve` are",
        ),
        ("- {url: 'tcp://127.0.0.1:1', format: arrow, where: {a: 1}}", "sources[0].where: `arrow` has columns"),
        (
            "- {url: 'tcp://127.0.0.1:1', format: arrow, fields: {prediction: 'a[0]'}}",
            "sources[0].fields.prediction: `fo",
        ),
    ],
)
def test_a_mistake_in_a_source_of_any_log_is_told(tmp_path: Path, text: str, expected: str) -> None:
    (told,) = problems(tmp_path, f"sources:\n  {text}\n")
    assert told.startswith(expected)


def test_a_source_s_settings_are_over_the_general_ones(tmp_path: Path) -> None:
    text = """
sources: [{url: a, fields: {latency_ms: b}, where: {kind: x}, model: {version: 2}}, c]
fields: {latency_seconds: d, prediction: e}
where: {event: prediction, kind: y}
model: {name: credit, version: 1}
"""
    (tmp_path / "config.yaml").write_text(text)
    config = load(tmp_path / "config.yaml").config
    own, other = config.sources
    assert {name: str(rule.path) for name, rule in schemas.rules_of(config, own).items()} == {
        "prediction": "e",
        "latency_ms": "b",
    }
    assert schemas.rules_of(config, other) == config.fields
    assert {str(path): wanted.values for path, wanted in schemas.where_of(config, own)} == {
        "event": ("prediction",),
        "kind": ("x",),
    }
    assert schemas.where_of(config, other) == config.where
    assert schemas.model_of(config, own) == ModelConfig("credit", 2)
    assert schemas.model_of(config, other) == ModelConfig("credit", 1)
