"""One alerting rule, and its text: what a person is told, with the value, the limit and where to look.

The text is a template of Prometheus, which fills it in at each evaluation. What it looks up there has the labels of
the alert itself, quoted, so that a label from a log cannot become a query.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from alerts.limits import LIMIT
from alerts.promql import VERSION

RUNBOOKS = "https://github.com/prediction-exporter/prediction-exporter/blob/main/alerts/runbooks"
GRAFANA = "http://localhost:3000"

# How templates spell a value.
TWO_DIGITS = 'printf "%.2f"'
PERCENT = "humanizePercentage"

Labels = tuple[str, ...]
Severity = Literal["info", "warning", "critical"]
Theme = Literal["serving", "drift", "quality", "performance", "slo", "sidecar"]


@dataclass(frozen=True)
class Links:
    """Where Grafana and the runbooks are; URLs without a slash at their end."""

    grafana: str = GRAFANA
    runbooks: str = RUNBOOKS

    def runbook(self, alert: str) -> str:
        """Return where the runbook of an alert is."""
        return f"{self.runbooks}/{alert}.md"


@dataclass(frozen=True)
class Alert:
    """One alerting rule.

    `subject` names the labels of what it is about: there is one alert for each. `summary` is the same for all of them,
    `says` what is the matter and `first` what to do first; `dashboard` is the last part of a dashboard's UID.
    `action` is for the retrain trigger: to train anew, or to hold that back.
    """

    name: str
    theme: Theme
    severity: Severity
    expression: str
    pending: str
    summary: str
    says: str
    first: str
    value: str
    dashboard: str
    limit: str = ""
    keep_firing_for: str = ""
    subject: Labels = VERSION
    action: Literal["", "retrain", "hold"] = ""

    @property
    def labels(self) -> dict[str, str]:
        """Labels that the rule adds."""
        labels = {"severity": self.severity, "theme": self.theme}
        return labels | ({"action": self.action} if self.action else {})

    def annotations(self, links: Links) -> dict[str, str]:
        texts = {
            "summary": self.summary,
            "description": f"{self.says} {self.first}",
            "value": self.value,
            "limit": self.limit,
            "runbook_url": links.runbook(self.name),
            "dashboard_url": f"{links.grafana}/d/prediction-exporter-{self.dashboard}{self._variables()}",
        }
        return {name: text for name, text in texts.items() if text}

    def _variables(self) -> str:
        shown = [label for label in ("model_name", "model_version", "instance") if label in self.subject]
        pairs = [f"var-{label}={{{{ $labels.{label} | urlquery }}}}" for label in shown]
        return f"?{'&'.join(pairs)}" if pairs else ""


def of_version(text: str) -> str:
    """Begin a sentence: `Inputs of credit, version 3,`."""
    return f"{text} of {{{{ $labels.model_name }}}}, version {{{{ $labels.model_version }}}},"


@dataclass(frozen=True)
class Look:
    """An expression that a text looks up: `series` of the alert's own labels `subject`, and of those in `where`."""

    series: str
    where: str = ""
    subject: Labels = VERSION

    def asked(self, around: str = "%s") -> str:
        """Return the piece of a template that asks for it; `around` is an expression around the series."""
        matchers = ", ".join([*([self.where] if self.where else []), *(f"{label}=%q" for label in self.subject)])
        values = " ".join(f"$labels.{label}" for label in self.subject)
        return f"printf `{around % f'{self.series}{{{matchers}}}'}` {values} | query"

    def one(self, spelt: str, around: str = "%s") -> str:
        """Return its value, spelt by a function of templates; nothing where there is none."""
        return f"{{{{ with {self.asked(around)} }}}}{{{{ . | first | value | {spelt} }}}}{{{{ end }}}}"

    def listed(self, labels: Iterable[str], spelt: str = "", around: str = "topk(5, %s)") -> str:
        """Return its greatest five, each as its labels and value: `age 0.41, income 0.30`; values if `spelt` at all."""
        parts = [f".Labels.{label}" for label in labels] + ([f".Value | {spelt}"] if spelt else [])
        each = "{{ if $index }}, {{ end }}" + " ".join(f"{{{{ {part} }}}}" for part in parts)
        asked = self.asked(f"sort_desc({around})")
        return f"{{{{ range $index, $found := {asked} }}}}{each}{{{{ end }}}}"


def limit_of(metric: str, spelt: str) -> str:
    return Look(LIMIT, f'metric="{metric}"').one(spelt)


def value(spelt: str) -> str:
    return f"{{{{ $value | {spelt} }}}}"
