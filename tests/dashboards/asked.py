"""A Prometheus that is asked as Grafana asks it."""

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.dashboards.grafana import ALL, fill_in, interpolated, macros, variables
from tests.process import DEADLINE_SECONDS


@dataclass
class Asked:
    """A Prometheus as it is at one time, the range and step of its charts in seconds, and how long each query took."""

    address: str
    end: float
    span: float
    step: float
    seconds: dict[str, float] = field(default_factory=dict)

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            return {"error": json.load(error)["error"]}
        finally:
            self.seconds[next(iter(parameters.values()))] = time.perf_counter() - began

    def values(self, query: str) -> list[str]:
        """Return a variable's values, as Grafana finds them."""
        if label := re.fullmatch(r"label_values\((.+), (\w+)\)", query):
            return list(self._get(f"label/{label[2]}/values", **{"match[]": label[1]}))
        (expression,) = re.fullmatch(r"query_result\((.+)\)", query).groups()
        found = self._get("query", query=expression, time=str(self.end))["result"]
        spelt = (",".join(f'{label}="{value}"' for label, value in series["metric"].items()) for series in found)
        return [f"{{{labels}}} 1 0" for labels in spelt]

    def result(self, expression: str, *, instant: bool, step: float | None = None) -> list[dict[str, Any]] | str:
        """Return what Prometheus answers, or its own words of what is wrong."""
        if instant:
            data = self._get("query", query=expression, time=str(self.end))
        else:
            begin, step = self.end - self.span, step or self.step
            data = self._get("query_range", query=expression, start=str(begin), end=str(self.end), step=str(step))
        return str(data["error"]) if "error" in data else data["result"]

    def series(self, expression: str, *, instant: bool) -> list[tuple[Mapping[str, str], list[float]]] | str:
        """Return a query's series and their values, or Prometheus's own words of what is wrong."""
        result = self.result(expression, instant=instant)
        if isinstance(result, str):
            return result
        return [
            (found["metric"], [float(value) for _, value in found.get("values") or [found["value"]]])
            for found in result
        ]


def chosen(
    dashboard: Mapping[str, Any], asked: Asked, *, scrape: float, picked: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Choose as Grafana does when the dashboard is opened: in order, what is saved, or else the first value.

    `picked` are values that a link or a person has chosen.
    """
    filled: dict[str, str] = macros(scrape=scrape, step=asked.step, span=asked.span)
    for variable in variables(dashboard):
        saved = variable["current"].get("value")
        if variable["type"] == "datasource":
            continue
        if variable["type"] == "custom":
            filled[variable["name"]] = interpolated(variable, [saved])
            continue
        values = asked.values(fill_in(variable["query"], filled))
        if pattern := variable.get("regex"):
            values = [found[1] for value in values if (found := re.search(pattern.strip("/"), value))]
        # Series may have no label for the place. Then there is only `All` to choose.
        assert values or variable["name"] in ("cluster", "namespace"), f"${variable['name']} has no values"
        if picked and variable["name"] in picked:
            saved = picked[variable["name"]]
        first = saved if saved in values or not values else values[0]
        filled[variable["name"]] = interpolated(variable, [ALL] if saved == [ALL] else [first])
    return filled
