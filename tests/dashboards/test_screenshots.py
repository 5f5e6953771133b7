"""Screenshots: what is drawn of each panel, where, and by what. That a browser draws it is not tested here."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.grafana import FOLDER, NAMES, panels, read
from tests.screenshots import history, rules, story

COLUMNS = 24
SCREENSHOTS = FOLDER.parent / "screenshots"
RENDERER = SCREENSHOTS / "renderer"
MOST_BYTES, MOST_BYTES_IN_ALL = 200 * 1024, 1536 * 1024

each_dashboard = pytest.mark.parametrize("name", NAMES)


def known_types() -> set[str]:
    """Return the panel types that the renderer has a component for."""
    source = (RENDERER / "src" / "panels.tsx").read_text()
    (listed,) = re.findall(r"export const PANELS[^{]*{(.*?)};", source, re.DOTALL)
    return {*re.findall(r'^  "?([\w-]+)"?:', listed, re.MULTILINE)}


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in ("xw", "yh"))


@each_dashboard
def test_the_renderer_knows_each_panel(name: str) -> None:
    assert {panel["type"] for panel in panels(read(name))} <= known_types()


@each_dashboard
def test_panels_are_side_by_side_within_the_columns(name: str) -> None:
    drawn: list[dict[str, Any]] = read(name)["panels"]
    for side_by_side in (drawn, *(row["panels"] for row in drawn if row.get("panels"))):
        places = [panel["gridPos"] for panel in side_by_side]
        assert all(place["x"] >= 0 and place["w"] > 0 and place["x"] + place["w"] <= COLUMNS for place in places)
        assert not [pair for pair in combinations(places, 2) if overlap(*pair)]


def test_panels_over_each_other_are_found() -> None:
    left, right = {"x": 0, "y": 0, "w": 12, "h": 8}, {"x": 12, "y": 0, "w": 12, "h": 8}
    assert not overlap(left, right)
    assert overlap(left, right | {"x": 11})


@each_dashboard
def test_there_is_a_small_picture_which_the_readme_shows(name: str) -> None:
    picture = SCREENSHOTS / f"{name}.webp"
    assert 10_000 < picture.stat().st_size < MOST_BYTES
    assert f"screenshots/{name}.webp" in (FOLDER.parent / "README.md").read_text()


def test_all_pictures_are_small_and_of_a_dashboard() -> None:
    pictures = [*SCREENSHOTS.glob("*.webp")]
    assert {picture.stem for picture in pictures} == {*NAMES}
    assert sum(picture.stat().st_size for picture in pictures) < MOST_BYTES_IN_ALL


def test_rules_are_evaluated_after_those_that_they_need() -> None:
    needed = [{"record": "a:b", "expr": "c:d + 1"}, {"alert": "A", "expr": "a:b > 0"}, {"record": "c:d", "expr": "e"}]
    assert [[rule["expr"] for rule in layer] for layer in rules.layers(needed)] == [["e"], ["c:d + 1"], ["a:b > 0"]]


def test_an_alert_fires_after_its_time_and_goes_on_for_what_it_is_kept() -> None:
    rule = {"alert": "A", "expr": "", "for": "2m", "keep_firing_for": "1m"}
    true = [60, 120, 180, 240, 420]
    assert [*rules.firing(true, rule)] == [180, 240, 300]


@pytest.mark.servers
def test_a_story_is_a_history_of_pages_with_their_times(tmp_path: Path) -> None:
    end = 1_800_000_060
    models = [model for model in story.MODELS if model.name == "churn"]
    history.tell(models, tmp_path, end, [range(-1, 1)])
    (written,) = tmp_path.glob("pages-*.txt")
    lines = written.read_text().splitlines()
    assert lines[-1] == "# EOF"
    assert {int(line.rpartition(" ")[2]) for line in lines[:-1]} == {end - 60, end}
    for name in ("up", "model_predictions_total", "model_feature_drift_psi", "model_threshold"):
        assert [line for line in lines if line.startswith(f"{name}{{") and 'instance="churn-0:9108"' in line]
