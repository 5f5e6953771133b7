"""The pages of reference: whole, and what the code says now; `make reference` writes them."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from promql_parser import parse

from exporter.cli import main
from exporter.configuration.settings import Config, DriftConfig
from exporter.formats import FORMATS
from exporter.reference import profile_file
from exporter.sources import SOURCES
from exporter.web.settings import WebConfig
from tests.documentation import configuration, metrics
from tests.documentation.__main__ import PAGES
from tests.documentation.chapters import CHAPTERS
from tests.documentation.families import declared
from tests.records import PROFILE, numeric, reference

METRICS = declared()


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_a_page_is_what_the_code_says(file: Path) -> None:
    assert file.read_text() == PAGES[file](), "make reference"


@pytest.mark.parametrize("struct", [Config, *SOURCES, *FORMATS.values(), DriftConfig, WebConfig])
def test_every_key_has_a_sentence(struct: type[Config]) -> None:
    for key, text in configuration.documented(struct).items():
        assert text.endswith("."), key


def test_the_example_is_a_good_configuration(tmp_path: Path) -> None:
    text = re.findall(r"```yaml\n(.*?)```", configuration.page(), re.DOTALL)[0]
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "reference.json").write_bytes(profile_file.dump(PROFILE))
    of_two_classes = reference({"age": numeric([50.0])}, classes=("stay", "leave"))
    (tmp_path / "churn.json").write_bytes(profile_file.dump(of_two_classes))
    (tmp_path / "token").write_text("secret")

    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "config.yaml")])

    assert result.exit_code == 0, result.output
    assert result.output.endswith("good\n")


def test_the_example_shows_every_key_but_the_rare_ones() -> None:
    shown = {*re.findall(r"^(\w+):", configuration.EXAMPLE.read_text(), re.MULTILINE)}
    rare = {"reload_endpoint", "web_config", "smoothing", "prediction", "positive_class", "favourable", "time_zone"}
    assert {*Config.__struct_fields__} - shown == rare


@pytest.mark.parametrize(
    ("question", "expression"),
    [(question, expression) for chapter in CHAPTERS for question, expression in chapter.ask.items()],
)
def test_a_question_is_promql_of_metrics_that_there_are(question: str, expression: str) -> None:
    parse(expression)
    named = {*re.findall(r"\b(?:model|prediction_exporter|process)_[a-z0-9_]+(?=[\[{ ]|$)", expression)}
    known = {*METRICS, *(f"{name}{end}" for name in METRICS for end in ("_bucket", "_count", "_sum"))}
    known |= {"model_business_revenue_sum", "model_business_revenue_negative_sum", "model_name", "model_version"}
    assert named
    assert named <= known, question


def test_every_metric_is_in_one_chapter() -> None:
    found = [metric.name for chapter in metrics.of_chapters().values() for metric in chapter]
    assert sorted(found) == sorted(METRICS)
    assert all(metrics.of_chapters().values())
