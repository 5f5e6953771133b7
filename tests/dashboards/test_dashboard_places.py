"""Two clusters with a namespace each serve the same models: every line and row says which is meant."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.alerts.rule_files import rule_files
from tests.dashboards.asked import Asked, chosen
from tests.dashboards.grafana import NAMES, fill_in, panels, read
from tests.dashboards.sidecars import models
from tests.servers import prometheus

pytestmark = pytest.mark.servers

PLACES = ({"cluster": "east", "namespace": "shop"}, {"cluster": "west", "namespace": "bank"})
PARTS = 3
SCRAPE_SECONDS = 4


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("places")
    rules = rule_files(folder)
    with models(folder) as served:
        targets = [model.sidecar.address.removeprefix("http://") for model in served.values()]
        interval = f"{SCRAPE_SECONDS}s"
        with prometheus(folder, *targets, interval=interval, rules=rules, labels=PLACES) as server:
            server.wait_for(f"count(up == 1) == {len(PLACES) * len(targets)}")
            for _ in range(PARTS):
                for model in served.values():
                    model.serve()
                records = len(PLACES) * sum(model.records for model in served.values())
                server.wait_for(f"sum(prediction_exporter_source_records_total) == {records}")
            recorded = "count by (cluster) (model_version_feature:model_feature_drift_psi:increase1h)"
            server.wait_for(f"count({recorded}) == {len(PLACES)} and on () ALERTS")
            ((_, end),) = server.labelled("max(timestamp(up))")
            yield Asked(server.address, end, 300.0, 2.0)


def legend(target: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Return the name of a series, as Grafana makes it."""
    if not target["legendFormat"]:
        return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), target["legendFormat"])


@pytest.mark.parametrize("name", NAMES)
def test_no_two_series_of_a_panel_have_the_same_name(name: str, asked: Asked) -> None:
    dashboard = read(name)
    filled = chosen(dashboard, asked, scrape=SCRAPE_SECONDS)
    wrong = []
    for panel in panels(dashboard):
        for target in panel["targets"]:
            found = asked.series(fill_in(target["expr"], filled), instant=target["instant"])
            where = f"{panel['title']} {target['refId']}: {target['expr']}"
            if isinstance(found, str):
                wrong.append(f"{where}: {found}")
                continue
            names = Counter(legend(target, labels) for labels, _ in found)
            wrong += [f"{where}: {count} are called {each}" for each, count in names.items() if count > 1]
    assert wrong == []
