"""The files: as committed, as `python -m dashboards` writes them, and as Grafana's own models read them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as models

from dashboards.__main__ import DASHBOARDS, main
from tests.dashboards.grafana import FOLDER, NAMES, panels, read, variables

each = pytest.mark.parametrize("name", NAMES)
# Of an annotation, what belongs to Prometheus's plugin, whose annotations the models do not know.
OF_PLUGIN = {"step", "tagKeys", "textFormat", "titleFormat", "useValueForTime"}
MODERN = {"barchart", "bargauge", "heatmap", "histogram", "row", "stat", "state-timeline", "table", "timeseries"}
LARGEST_CONFIGMAP = 262_144


def test_there_are_nine() -> None:
    assert tuple(dashboard.name for dashboard in DASHBOARDS) == NAMES
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(NAMES)


def test_what_is_committed_is_what_is_made_by_the_command(tmp_path: Path) -> None:
    for folder, seed in (("one", "1"), ("two", "2")):
        # Of sets and hashes the order differs by seed; of the files nothing may.
        subprocess.run(
            [sys.executable, "-m", "dashboards", tmp_path / folder],
            check=True,
            cwd=FOLDER.parent.parent,
            env={"PYTHONHASHSEED": seed},
        )
    for name in NAMES:
        made = (tmp_path / "one" / f"{name}.json").read_bytes()
        assert made == (tmp_path / "two" / f"{name}.json").read_bytes()
        assert made == (FOLDER / f"{name}.json").read_bytes(), "run `make dashboards`"


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, [str(tmp_path / "file")])
    assert (done.exit_code, done.output) == (2, f"dashboards: {tmp_path / 'file'}: File exists\n")


@each
def test_a_dashboard_is_known_by_its_uid(name: str) -> None:
    dashboard = read(name)
    assert dashboard["uid"] == f"prediction-exporter-{name}"
    assert len(dashboard["uid"]) <= 40
    assert dashboard["id"] is None
    assert dashboard["version"] == 0


@each
def test_a_dashboard_fits_into_a_configmap_and_its_panels_load_at_once(name: str) -> None:
    assert (FOLDER / f"{name}.json").stat().st_size < LARGEST_CONFIGMAP
    shown = [panel for panel in read(name)["panels"] if panel["type"] != "row"]
    assert len(shown) <= 25


@each
def test_panels_are_of_today_s_types_each_in_a_place_of_its_own(name: str) -> None:
    dashboard = read(name)
    ids = [panel["id"] for panel in (*panels(dashboard), *(row for row in dashboard["panels"] if row["type"] == "row"))]
    assert len(ids) == len({*ids})
    assert {panel["type"] for panel in panels(dashboard)} <= MODERN
    for shown in (dashboard["panels"], *(row["panels"] for row in dashboard["panels"] if row.get("panels"))):
        taken: set[tuple[int, int]] = set()
        for panel in shown:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = {
                (place["x"] + column, place["y"] + line) for column in range(place["w"]) for line in range(place["h"])
            }
            assert not cells & taken
            taken |= cells


@each
def test_grafana_s_own_models_lose_nothing_of_it(name: str) -> None:
    """A key of a wrong name would be lost, and one of a wrong type is an error."""
    register_default_plugins()
    dashboard = read(name)
    again = json.loads(JSONEncoder().encode(models.Dashboard.from_json(read(name))))
    lost = [
        path
        for path in _lost(dashboard, again)
        if not path.startswith("annotations.list.") or _key(path) not in OF_PLUGIN
    ]
    # An id of null is as none.
    assert lost == ["id"]


def test_a_key_that_grafana_does_not_know_would_be_lost() -> None:
    register_default_plugins()
    dashboard = read("fleet")
    dashboard["panels"][1]["options"]["colourMode"] = "value"
    again = json.loads(JSONEncoder().encode(models.Dashboard.from_json(json.loads(json.dumps(dashboard)))))
    assert "panels.1.options.colourMode" in {*_lost(dashboard, again)}


def _key(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Return the paths of what was there before and is not, or is another, after."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            found
            for key, value in before.items()
            for found in ([f"{path}{key}"] if key not in after else _lost(value, after[key], f"{path}{key}."))
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            found
            for index, (one, other) in enumerate(zip(before, after, strict=True))
            for found in _lost(one, other, f"{path}{index}.")
        ]
    return [] if before == after else [path.removesuffix(".")]


@each
def test_links_lead_to_dashboards_that_are_there_and_keep_what_is_chosen(name: str) -> None:
    dashboard = read(name)
    link, *runbooks = dashboard["links"]
    assert {each["type"] for each in runbooks} <= {"link"}
    assert (link["type"], link["tags"], link["includeVars"], link["keepTime"]) == (
        "dashboards",
        dashboard["tags"],
        True,
        True,
    )
    known = {variable["name"] for other in NAMES for variable in variables(read(other))}
    own = {variable["name"] for variable in variables(dashboard)}
    for url in re.findall(r'"url": "(/d/(?:[^"\\]|\\.)*)"', json.dumps(dashboard)):
        target, chosen = re.fullmatch(r"/d/prediction-exporter-([a-z]+)\?(.*)", url.replace("\\", "")).groups()
        assert target in NAMES
        assert "${__url_time_range}" in chosen
        assert {*re.findall(r"\${(\w+):queryparam}", chosen)} <= own
        assert {*re.findall(r"var-(\w+)=", chosen)} <= known


def test_alerts_are_marked_on_all_dashboards_and_new_versions_on_those_of_models() -> None:
    for name in (*NAMES,):
        marks = [mark["name"] for mark in read(name)["annotations"]["list"]]
        assert marks[0] == "Annotations & Alerts"
        alerts = ["Critical alerts", "Warnings", "Information"]
        assert marks[1:] == (alerts if name == "exporter" else [*alerts, "New versions"])
