"""`promtool test rules` on the rules as `python -m alerts` writes them."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from alerts.__main__ import main
from alerts.rule_files import RuleFile, recordings
from tests.alerts.rule_files import FILES
from tests.servers import require

# In the order of evaluation.
DRIFT = ("feature-drift", "feature-drift-24h", "feature-drift-comparisons", "feature-drift-instances")
# What counts as drifted is for the tests of alerts.
VERDICTS = {
    "model_version_feature:model_feature_drift_level:judged1h",
    "model_version_feature:model_feature_drift_level:judged24h",
    "model_version_feature:model_feature_drift_level:max",
    "model_version_feature:model_feature_drift_psi:max",
    "model_version_feature:model_feature_drift_psi:drifted",
    "model_version:model_drifted_features_per_feature:ratio",
}
# Of each version, which models.yaml records.
LIMITS = {"feature_drift_psi": 0.25, "feature_drift_psi_moderate": 0.1}
MINUTES = 5  # between scrapes

Labels = Mapping[str, str]
VERSION_LABELS = ("cluster", "namespace", "model_name", "model_version")


def rule_names() -> set[str]:
    """Return the names of all series that the rules of drift record."""
    return recordings(files_of(DRIFT)).keys() - VERDICTS


def files_of(names: Sequence[str]) -> list[RuleFile]:
    """Return the rule files of these names, in their order."""
    return [file for name in names for file in FILES if file.name == name]


@dataclass
class Counter:
    """A counter that grows by a constant at each scrape of an hour, from `begin` hours on."""

    steps: Sequence[int]
    begin: int = 0

    def at(self, hour: int) -> int:
        """Return its value at a whole hour."""
        return sum(self.steps[: max(hour - self.begin, 0)]) * (60 // MINUTES)

    @property
    def spelt(self) -> str:
        """Return promtool's notation: what is missing, then one piece an hour, and the last sample."""
        pieces = [f"_x{self.begin * (60 // MINUTES)}"] if self.begin else []
        value = 0
        for step in self.steps:
            pieces.append(f"{value}+{step}x{60 // MINUTES - 1}")
            value += step * (60 // MINUTES)
        return " ".join([*pieces, str(value)])


@dataclass
class Scenario:
    """Series, and what is expected of expressions so many minutes after an hour; scrapes are on the hour.

    `files` names the rule files that are evaluated, because promtool takes time for each rule; `scrapes` is the minutes
    between two scrapes.
    """

    folder: Path
    files: Sequence[str] = DRIFT
    minutes: int = 0
    scrapes: int = MINUTES
    series: dict[str, str] = field(default_factory=dict)
    tests: list[dict[str, Any]] = field(default_factory=list)
    checked: set[str] = field(default_factory=set)
    overdispersion: int = 1

    def add(self, name: str, labels: Labels, values: str) -> None:
        self.series[f"{name}{_spelt(labels)}"] = values
        if "model_version" in labels:
            version = {key: labels[key] for key in VERSION_LABELS if key in labels}
            known = {f"model_version:model_drift_overdispersion:max{_spelt(version)}": self.overdispersion}
            for metric, limit in LIMITS.items():
                known[f"model_version_metric:model_threshold:max{_spelt({**version, 'metric': metric})}"] = limit
            self.series |= {series: f"{value}x3000" for series, value in known.items()}

    def expect(self, hour: int, name: str, labels: Labels, value: float, *, relative: float = 1e-9) -> None:
        """Expect that a recorded series is there, and of that value."""
        self.checked.add(name)
        series = f"{name}{_spelt(labels)}"
        value = float(value)
        tolerance = max(relative * abs(value), 1e-12)
        self._test(hour, f"abs({series} - {value!r}) <= bool {tolerance!r}", [{"labels": _spelt(labels), "value": 1}])

    def expect_nothing(self, hour: int, name: str, labels: Labels) -> None:
        self._test(hour, f"{name}{_spelt(labels)}", [])

    def _test(self, hour: int, expression: str, samples: list[dict[str, Any]]) -> None:
        self.tests.append({"expr": expression, "eval_time": f"{hour}h{self.minutes}m", "exp_samples": samples})

    def run(self) -> None:
        """Run promtool; fails with its output."""
        files = files_of(self.files)
        assert CliRunner().invoke(main, [str(self.folder)]).exit_code == 0
        series = [{"series": name, "values": values} for name, values in self.series.items()]
        groups = [{"interval": f"{self.scrapes}m", "input_series": series, "promql_expr_test": self.tests}]
        unit = {
            "rule_files": [f"{file.name}.yaml" for file in files],
            "evaluation_interval": "1m" if self.minutes else f"{self.scrapes}m",
            "group_eval_order": [group["name"] for file in files for group in file.groups],
            "tests": groups,
        }
        file = self.folder / "test.yaml"
        # JSON is YAML.
        file.write_text(json.dumps(unit))
        done = subprocess.run(
            [require("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[:5000]


def _spelt(labels: Labels) -> str:
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"
