"""Whether an alert may start a training: so that a training that does not help is not repeated for ever.

A model is one of a cluster and namespace, whatever its version: the new version that comes out of a training is no
reason for another one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LABELS = ("cluster", "namespace", "model_name")


@dataclass(frozen=True)
class Throttle:
    """At most one training of a model in `cooldown` seconds, and `most` in `period`; then people must look."""

    cooldown: float = 24 * 3600
    most: int = 3
    period: float = 7 * 24 * 3600

    def refusal(self, before: Iterable[float], now: float) -> str:
        """Return why there is no training now, given the times of those before, or nothing."""
        times = [time for time in before if now - time < self.period]
        if any(now - time < self.cooldown for time in times):
            return "cooldown"
        return "too many" if len(times) >= self.most else ""

    def kept(self, before: Iterable[float], now: float) -> list[float]:
        """Return the times that still count."""
        return [time for time in before if now - time < self.period]


def model_of(labels: Mapping[str, str]) -> str:
    return "/".join(labels.get(label, "") for label in LABELS)


def requests(notification: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is asked for by a notification of Alertmanager: one alert for each model, and no resolved ones."""
    found: dict[str, dict[str, Any]] = {}
    for model, alert in _firing(notification, "retrain"):
        found.setdefault(model, alert)
    return found


def held(notification: Mapping[str, Any]) -> dict[str, str]:
    """Return, by model, the alert that says that its data is broken: nothing is learnt from that."""
    return {model: alert["labels"].get("alertname", "") for model, alert in _firing(notification, "hold")}


def _firing(notification: Mapping[str, Any], action: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for alert in notification.get("alerts", ()):
        labels = alert.get("labels", {})
        if alert.get("status") == "firing" and labels.get("action") == action and labels.get("model_name"):
            yield model_of(labels), alert
