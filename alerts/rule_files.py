"""The rule files in this folder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from textwrap import dedent
from typing import Any

import yaml

from alerts.links import GRAFANA, RUNBOOKS

FOLDER = Path(__file__).parent
# The name of a recorded series, `level:metric:operations`.
RECORDED = re.compile(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+")

# The mappings in the YAML file. A rule has `expr` and either `record` or `alert`.
Rule = dict[str, Any]
Group = dict[str, Any]


@dataclass(frozen=True)
class RuleFile:
    """A PrometheusRule object; `name` is the name of its file without `.yaml`."""

    name: str
    text: str

    @cached_property
    def document(self) -> Any:
        """The parsed file. Raises yaml.YAMLError."""
        return yaml.load(self.text, yaml.CSafeLoader)

    @property
    def groups(self) -> list[Group]:
        groups: list[Group] = self.document["spec"]["groups"]
        return groups

    def with_links(self, grafana: str, runbooks: str) -> RuleFile:
        """Return the same file with other URLs of Grafana and the runbooks."""
        text = self.text.replace(f"{GRAFANA}/d/", f"{grafana}/d/").replace(f"{RUNBOOKS}/", f"{runbooks}/")
        return replace(self, text=text)

    def plain(self) -> str:
        """Return a rule file for Prometheus: the content of `spec`, with all comments."""
        head, spec = self.text.split("\nspec:\n")
        return "".join(re.findall(r"(?m)^#.*\n", head)) + dedent(spec)


def load(folder: Path = FOLDER) -> list[RuleFile]:
    """Return the rule files in a folder, sorted by name. Raises OSError."""
    return [RuleFile(path.stem, path.read_text()) for path in sorted(folder.glob("*.yaml"))]


def rules(files: Iterable[RuleFile]) -> list[Rule]:
    return [rule for file in files for group in file.groups for rule in group["rules"]]


def alerts(files: Iterable[RuleFile]) -> dict[str, Rule]:
    """Return all alerts, by name."""
    return {rule["alert"]: rule for rule in rules(files) if "alert" in rule}


def recordings(files: Iterable[RuleFile]) -> dict[str, Rule]:
    """Return all recording rules by the name of the recorded series."""
    return {rule["record"]: rule for rule in rules(files) if "record" in rule}
