"""What a tired person would misread: found by looking at the pictures, and held here."""

from collections.abc import Iterator
from typing import Any

from dashboards.columns import LEAST_PIXELS, NAME_PIXELS
from tests.dashboards.grafana import NAMES, panels, read

# A screen of 1600 pixels, less margins, in 24 columns.
PIXELS_OF_COLUMN = 65


def of_type(kind: str) -> Iterator[dict[str, Any]]:
    """Yield the panels of a type of all dashboards; there are some."""
    found = [panel for name in NAMES for panel in panels(read(name)) if panel["type"] == kind]
    assert found
    yield from found


def overrides(panel: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield which fields, and what is said of them."""
    for override in panel["fieldConfig"]["overrides"]:
        yield override["matcher"], {said["id"]: said["value"] for said in override["properties"]}


def is_without_verdict(mappings: list[dict[str, Any]]) -> bool:
    special = [mapping["options"] for mapping in mappings if mapping["type"] == "special"]
    return any(one["match"] == "null+nan" and one["result"]["color"] == "transparent" for one in special)


def test_a_cell_without_a_value_has_no_colour_and_not_the_text_of_an_empty_panel() -> None:
    for panel in of_type("table"):
        assert is_without_verdict(panel["fieldConfig"]["defaults"]["mappings"])
        for _, said in overrides(panel):
            if "thresholds" in said or "mappings" in said:
                assert is_without_verdict(said["mappings"])


def test_a_version_of_digits_is_no_number() -> None:
    for panel in of_type("table"):
        (said,) = [said for matcher, said in overrides(panel) if matcher == {"id": "byType", "options": "string"}]
        assert said["unit"] == "string"


def test_no_column_is_off_the_screen() -> None:
    for panel in of_type("table"):
        organized = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
        for options in organized:
            columns = {*options["renameByName"].values()} - {"Cluster", "Namespace"}
            named = columns & {"Feature", "Source"}
            assert panel["fieldConfig"]["defaults"]["custom"]["minWidth"] == LEAST_PIXELS
            pixels = LEAST_PIXELS * len(columns - named) + NAME_PIXELS * len(named)
            assert pixels <= PIXELS_OF_COLUMN * panel["gridPos"]["w"], panel["title"]


def test_a_legend_begins_with_the_worst() -> None:
    for panel in of_type("timeseries"):
        legend = panel["options"]["legend"]
        assert (legend["sortBy"], legend["calcs"][-1]) == ("Last *", "lastNotNull")
        assert legend["sortDesc"] is not panel["targets"][0]["expr"].startswith("bottomk"), panel["title"]


def test_an_axis_of_shares_on_which_nothing_has_happened_ends_at_a_hundredth() -> None:
    for panel in of_type("timeseries"):
        defaults = panel["fieldConfig"]["defaults"]
        if defaults["unit"] == "percentunit":
            assert defaults["custom"]["axisSoftMax"] == 0.01, panel["title"]


def test_a_bar_of_what_is_well_is_short() -> None:
    """Without an end of bars, the longest would fill its panel at 2% of the limit, unless the limit is a bar itself."""
    for panel in of_type("bargauge"):
        defaults = panel["fieldConfig"]["defaults"]
        has_limit = "limit" in [target["legendFormat"] for target in panel["targets"]]
        assert len(defaults["thresholds"]["steps"]) == 1 or defaults.get("max") == 1 or has_limit, panel["title"]
