"""What alerts of all themes use: each version's limits, whether it is new, and what it serves."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.limits import ALWAYS, LIMIT, limits
from alerts.promql import MODEL, VERSION, by
from alerts.rules import Group, Recording, RuleFile

LIMIT_OF_SERIES = 50_000

SERVED = "model_version:model_predictions:rate5m"
FAILED = "model_version:model_prediction_errors:rate5m"
REQUESTS = "model:model_requests:rate5m"
ERRORS = "model:model_prediction_errors:rate5m"
PREDICTIONS = "model_version:model_predictions:increase1h"
# Fewer predictions than this in an hour say nothing about a share.
ENOUGH = 100
# Twice what chance reaches once in a hundred, it reaches in fewer than three of 10,000; of ten bins, of a million.
BEYOND_CHANCE = 2


def known_since(window: str) -> str:
    return f"model_version:model_threshold:count_{window}_ago"


def where_known_since(window: str) -> str:
    """Return what keeps a new version out until the window is full of its records, and of no other's."""
    return f"and on ({by(VERSION)}) {known_since(window)}"


def where_enough_predictions() -> str:
    return f"and on ({by(VERSION)}) {PREDICTIONS} >= {ENOUGH}"


def half_of_pods(verdict: str) -> str:
    """Return, by version, the share of pods with a verdict of 1, where it is at least half.

    Each pod judges by its own records, so one of a hundred is wrong by chance; half of them are not.
    """
    return f"avg by ({by(VERSION)}) ({verdict}) >= 0.5"


def file() -> RuleFile:
    return RuleFile(
        "models",
        "models",
        "What alerts use of each model version: its limits, whether it is new, and what it serves.",
        (Group("models", (*_versions(), *_traffic()), LIMIT_OF_SERIES, "30s"),),
    )


def _versions() -> Iterator[Recording]:
    yield Recording(
        LIMIT,
        limits(),
        "The limits that alerts compare with: what the model's owner has set in `thresholds`, or a default. Where pods "
        "differ, as while a change rolls out, the highest.",
    )
    for window in ("1h", "24h"):
        yield Recording(
            known_since(window),
            f"count by ({by(VERSION)}) (last_over_time({ALWAYS}[1h] offset {window}))",
            f"There where the version was served {window} ago: its window of that length is full.",
        )


def _traffic() -> Iterator[Recording]:
    yield Recording(SERVED, f"sum by ({by(VERSION)}) (rate(model_predictions_total[5m]))", "Predictions a second.")
    yield Recording(FAILED, f"sum by ({by(VERSION)}) (rate(model_prediction_errors_total[5m]))", "Errors a second.")
    yield Recording(
        REQUESTS,
        f"sum by ({by(MODEL)}) ({SERVED}) + (sum by ({by(MODEL)}) ({FAILED}) or sum by ({by(MODEL)}) ({SERVED}) * 0)",
        "Predictions and errors a second, of all versions together: a deploy does not show in them.",
    )
    yield Recording(
        ERRORS,
        f"sum by ({by(MODEL)}) ({FAILED}) or sum by ({by(MODEL)}) ({SERVED}) * 0",
        "Errors a second of all versions.",
    )
    yield Recording(
        PREDICTIONS, f"sum by ({by(VERSION)}) (increase(model_predictions_total[1h]))", "Predictions in the last hour."
    )
