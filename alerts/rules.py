"""Rules, groups and files of them, and how they are written: for the operator, or for Prometheus itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import indent, wrap

from alerts.alert import Alert, Links

MADE_BY = "# Made by `make rules` from alerts/{module}.py; not to be edited by hand."
# Well below the five minutes after which Prometheus takes a series for gone.
INTERVAL = "2m"
# A scrape, this and `group_wait` are what an alert takes besides its `for`.
ALERT_INTERVAL = "10s"


@dataclass(frozen=True)
class Recording:
    """One recording rule; `meaning` is for people."""

    name: str
    expression: str
    meaning: str


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after the other, at the same time. Past `limit` series a rule records nothing."""

    name: str
    rules: tuple[Recording | Alert, ...]
    limit: int
    interval: str = INTERVAL

    @property
    def recordings(self) -> Iterator[Recording]:
        return (rule for rule in self.rules if isinstance(rule, Recording))

    @property
    def alerts(self) -> Iterator[Alert]:
        return (rule for rule in self.rules if isinstance(rule, Alert))


@dataclass(frozen=True)
class RuleFile:
    """One file; `module` is where it is made."""

    name: str
    module: str
    meaning: str
    groups: tuple[Group, ...]

    def plain(self, links: Links) -> str:
        """Return a rule file of Prometheus."""
        return self._head() + self._groups(links)

    def prometheus_rule(self, links: Links) -> str:
        """Return a PrometheusRule of the Prometheus operator."""
        return (
            f"{self._head()}apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n"
            f"  name: prediction-exporter-{self.name}\n"
            "  labels:\n    app.kubernetes.io/name: prediction-exporter\nspec:\n" + indent(self._groups(links), "  ")
        )

    def _head(self) -> str:
        return f"{MADE_BY.format(module=self.module)}\n#\n{_comment(self.meaning)}"

    def _groups(self, links: Links) -> str:
        return "groups:\n" + "".join(indent("".join(_group(group, links)), "  ") for group in self.groups)


def _group(group: Group, links: Links) -> Iterator[str]:
    yield f"- name: {group.name}\n  interval: {group.interval}\n  limit: {group.limit}\n  rules:\n"
    for rule in group.rules:
        yield indent(_recording(rule) if isinstance(rule, Recording) else _alert(rule, links), "    ")


def _recording(rule: Recording) -> str:
    return f"{_comment(rule.meaning)}- record: {rule.name}\n  expr: |-\n{indent(rule.expression, ' ' * 4)}\n"


def _alert(alert: Alert, links: Links) -> str:
    keep = f"  keep_firing_for: {alert.keep_firing_for}\n" if alert.keep_firing_for else ""
    labels = "".join(f"    {name}: {value}\n" for name, value in alert.labels.items())
    annotations = "".join(
        f"    {name}: |-\n{indent(text, ' ' * 6)}\n" for name, text in alert.annotations(links).items()
    )
    return (
        f"- alert: {alert.name}\n  expr: |-\n{indent(alert.expression, ' ' * 4)}\n  for: {alert.pending}\n{keep}"
        f"  labels:\n{labels}  annotations:\n{annotations}"
    )


def _comment(text: str) -> str:
    return "".join(
        f"# {line}\n" for paragraph in text.split("\n") for line in wrap(paragraph, 100, break_on_hyphens=False)
    )
