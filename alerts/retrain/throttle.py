"""Decide whether an alert may start a training, so that a training that does not help is not repeated forever.

A model is identified by cluster, namespace and name. The version is ignored, because each training creates a new one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LABELS = ("cluster", "namespace", "model_name")


@dataclass(frozen=True)
class Throttle:
    """Allows one training per model in `cooldown` seconds, and `most` in `period` seconds."""

    cooldown: float = 24 * 3600
    most: int = 3
    period: float = 7 * 24 * 3600

    def refusal(self, before: Iterable[float], now: float) -> str:
        """Return why no training may start now, given the times of earlier ones, or an empty string if it may."""
        times = [time for time in before if now - time < self.period]
        if any(now - time < self.cooldown for time in times):
            return "cooldown"
        return "too many" if len(times) >= self.most else ""

    def kept(self, before: Iterable[float], now: float) -> list[float]:
        """Return the times within the last `period`."""
        return [time for time in before if now - time < self.period]


def model_of(labels: Mapping[str, str]) -> str:
    return "/".join(labels.get(label, "") for label in LABELS)


def requests(notification: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the first firing alert of each model that requests a training in an Alertmanager notification."""
    found: dict[str, dict[str, Any]] = {}
    for model, alert in _firing(notification, "retrain"):
        found.setdefault(model, alert)
    return found


def held(notification: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of firing alerts about broken data by model. A model must not be trained on broken data."""
    return {model: alert["labels"].get("alertname", "") for model, alert in _firing(notification, "hold")}


def _firing(notification: Mapping[str, Any], action: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for alert in notification.get("alerts", ()):
        labels = alert.get("labels", {})
        if alert.get("status") == "firing" and labels.get("action") == action and labels.get("model_name"):
            yield model_of(labels), alert
