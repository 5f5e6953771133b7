"""A profile is of one model: it says which, and a log of several models makes a profile of each."""

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.reference import profile_file
from tests.offline.profiling.training import made, problem, run, write

SUFFIXES = (".jsonl", ".csv", ".parquet")


def record(model: str | None, version: str | None, age: int) -> dict[str, Any]:
    return {"model_name": model, "model_version": version, "age": age, "prediction": "yes" if age % 2 else "no"}


SEVERAL = [
    record(model, version, 1000 * place + n)
    for place, (model, version) in enumerate([("credit", "3"), ("credit", "4"), ("meta-llama/Llama-3", "3")])
    for n in range(50)
]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_names_the_model_of_the_data_and_the_version_if_there_is_one(tmp_path: Path, suffix: str) -> None:
    log = write(tmp_path / f"log{suffix}", SEVERAL[:50])
    profile = made(log, output=tmp_path / "profile.json")
    assert (profile.model_name, profile.model_version) == ("credit", "3")
    both = made(write(tmp_path / f"both{suffix}", SEVERAL[:100]), output=tmp_path / "both.json")
    assert (both.model_name, bool(both.model_version)) == ("credit", False)


def test_of_data_without_a_name_it_says_what_the_options_say(tmp_path: Path) -> None:
    data = write(tmp_path / "training.csv", [{"age": n} for n in range(50)])
    plain = made(data, output=tmp_path / "plain.json")
    assert not plain.model_name
    named = made(data, "--model", "credit", "--version", "4", output=tmp_path / "named.json")
    assert (named.model_name, named.model_version) == ("credit", "4")
    assert named.reference_id == plain.reference_id


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_records_of_other_models_and_versions_are_left_out(tmp_path: Path, suffix: str) -> None:
    log = write(tmp_path / f"log{suffix}", SEVERAL)
    of_model = made(log, "--model", "credit", output=tmp_path / "profile.json")
    assert (of_model.rows, of_model.numeric["age"].max) == (100, 1049)
    of_version = made(log, "--model", "credit", "--version", "4", output=tmp_path / "profile.json")
    assert (of_version.rows, of_version.numeric["age"].min, of_version.numeric["age"].max) == (50, 1000, 1049)
    assert (
        "skipped: 100 records of other models or versions"
        in run(log, "--model", "credit", "--version", "4", "--output", tmp_path / "profile.json").output
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_log_of_several_models_makes_a_profile_of_each(tmp_path: Path, suffix: str) -> None:
    log, folder = write(tmp_path / f"log{suffix}", SEVERAL), tmp_path / "profiles"
    result = run(log, "--by-model", folder)
    assert (result.exit_code, result.stderr) == (0, "")
    found = {file.name: profile_file.read(file) for file in folder.iterdir()}
    assert {name: (profile.model_name, profile.model_version, profile.rows) for name, profile in found.items()} == {
        "credit-3.json": ("credit", "3", 50),
        "credit-4.json": ("credit", "4", 50),
        "meta-llama_Llama-3-3.json": ("meta-llama/Llama-3", "3", 50),
    }


def test_names_that_make_the_same_file_name_have_a_file_each(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", [record(model, None, n) for model in ("a/b", "a b") for n in range(50)])
    assert run(log, "--by-model", tmp_path / "profiles").exit_code == 0
    assert {file.name for file in (tmp_path / "profiles").iterdir()} == {"a_b.json", "a_b_.json"}


def test_a_name_at_another_path_is_found_by_the_configuration(tmp_path: Path) -> None:
    rows = [{"meta": {"model": "credit"}, "features": {"age": n}, "prediction": "a"} for n in range(50)]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "config.yaml").write_text("sources: [x]\nfields: {model_name: meta.model}\n")
    profile = made(log, "--config", tmp_path / "config.yaml", output=tmp_path / "profile.json")
    assert profile.model_name == "credit"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            [],
            "records of 2 models: credit, meta-llama/Llama-3; choose one with --model, or make a profile of each with",
        ),
        (["--model", "credti"], "no predictions of model credti; found credit, meta-llama/Llama-3"),
        (["--version", "3"], "--version: give --model too"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, options: list[str], expected: str) -> None:
    log = write(tmp_path / "log.jsonl", SEVERAL)
    assert expected in problem(log, *options, output=tmp_path / "profile.json")
    assert not (tmp_path / "profile.json").exists()


def test_either_an_output_or_a_folder_is_expected(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", SEVERAL)
    for options in ([], ["--output", tmp_path / "a", "--by-model", tmp_path / "b"]):
        result = run(log, *options)
        assert result.stderr == "prediction-exporter: profile: expected either --output or --by-model\n"
        assert result.exit_code == 2
