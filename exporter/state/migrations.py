"""States of older releases, brought to the version of this release.

A step is a function from the content of a state, as msgpack decodes it without types, to the content in the next
version. It uses none of the types in the code, which may have changed since. To change what a Snapshot stores, add a
step, and keep a small state of the version before in tests/state.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from exporter.joins.migrations import request_from_1

Content = dict[str, Any]

# The statistics of outcomes in version 4, besides those of labels.
OF_OUTCOMES = {
    "model_outcomes_total",
    "confidence",
    "scores_by_truth",
    "score_losses",
    "residual_sums",
    "residual_bins",
    "model_ground_truth_delay_seconds",
}

LATENCY = "model_prediction_latency_seconds"
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def from_1(content: Content) -> Content:
    """One value per request waits to be joined; maps are maps; the statistic `answered` is `labelled`."""

    def tallies(stored: Sequence[Any]) -> dict[Any, Any]:
        return {
            tuple(labels): {
                _statistic(name): [shape, kind, data, is_compressed]
                for name, (shape, data, kind, is_compressed) in arrays.items()
            }
            for labels, arrays in stored
        }

    def by_window(windows: Content) -> Content:
        return {label: {pane: tallies(stored) for pane, stored in panes} for label, panes in windows.items()}

    joins = content.get("joins")
    return {
        "time": content["time"],
        "totals": tallies(content["totals"]),
        "windows": by_window(content["windows"]),
        "history": by_window(content.get("history", {})),
        "identities": _identities(content),
        "series": content["series"],
        "names": content["names"],
        "segment_values": content.get("segment_values", {}),
        "capped": content["capped"],
        "sources": content["sources"],
        "positions": {tuple(stream.values()): position for stream, position in content["positions"]},
        "seen_batches": b"".join(content.get("batches", ())),
        "seen_requests": content.get("request_ids", b""),
        "unknown": {tuple(series): names for series, names in content.get("unknown", ())},
        "join_counts": content["join_counts"] if joins else None,
        "deltas": {"joins": _delta(joins)} if joins else {},
    }


def from_2(content: Content) -> Content:
    """Each model has labels and identities of its own; the reference was that of all models, and is the first one's."""
    rest = {key: value for key, value in content.items() if key not in ("names", "segment_values", "identities")}
    before = content.get("identities", {})
    own = {"statistics": before.get("statistics", {}), "segments": before.get("segments", {})}
    labels = {"names": content.get("names", {}), "segments": content.get("segment_values", {})}
    series = content.get("series", ())
    return rest | {
        # As of models without settings, and of the first model.
        "identities": {"models": {(None, None): own, (None, "first"): own}, "windows": before.get("windows", {})},
        "first_model": series[0][0] if series else None,
        "series": {tuple(each): content["time"] for each in series},
        "labels": {each[0]: labels for each in series},
    }


def from_3(content: Content) -> Content:
    """Drift has levels, which depend on the level before; there are none yet."""
    return content | {"judgements": {}}


def from_4(content: Content) -> Content:
    """Outcomes are counted by the time of their prediction; those in windows were by the time of the label.

    Latencies are those of requests, no longer of predictions alone. Lines wait for the other one of their pair; there
    are none yet.
    """
    for model in content["identities"].get("models", {}).values():
        statistics = model.get("statistics", {})
        if LATENCY in statistics:
            statistics[LATENCY] = statistics[LATENCY].replace("reads='predictions'", "reads='requests'")
    windows = {
        label: {
            pane: {
                series: {name: tally for name, tally in arrays.items() if not _is_of_outcomes(name)}
                for series, arrays in tallies.items()
            }
            for pane, tallies in panes.items()
        }
        for label, panes in content["windows"].items()
    }
    return content | {"windows": windows, "waiting": {}}


# The first step is from version 1 to version 2, and so on.
STEPS: Sequence[Callable[[Content], Content]] = (from_1, from_2, from_3, from_4)
VERSION = len(STEPS) + 1


def migrate(content: Content, version: int) -> Content:
    """Return the content of an older version in the form of VERSION."""
    for step in STEPS[version - 1 :]:
        content = step(content)
    return content


def _is_of_outcomes(name: str) -> bool:
    return name in OF_OUTCOMES or name.startswith("label_")


def _statistic(name: str) -> str:
    return {"answered": "labelled"}.get(name, name)


def _identities(content: Content) -> Content:
    """Return the identities by kind. Version 1 had none of windows, whose labels are their durations."""
    statistics, segments = {}, {}
    for name, identity in content["identities"].items():
        if name.startswith("segment "):
            segments[name.removeprefix("segment ")] = re.sub(r".*path=(.*)\)", r"\1", identity)
        else:
            statistics[_statistic(name)] = "Labelled()" if identity == "Answered()" else identity
    return {
        "statistics": statistics,
        "segments": segments,
        "windows": {label: f"60 panes, {_seconds(label):g} s" for label in content["windows"]},
    }


def _seconds(duration: str) -> float:
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", duration))


def _delta(joins: Content) -> Content:
    """Return the changes of predictions and ground truths as changed requests."""
    waiting = defaultdict(list)
    for row in joins["predictions"]:
        waiting[row[0]].append(row)
    return {
        "number": joins["number"],
        "cutoff": joins["cutoff"],
        "capacity": joins["most"],
        "requests": [
            *(request_from_1(digest, rows, None) for digest, rows in waiting.items()),
            *(request_from_1(truth[0], (), truth) for truth in joins["truths"]),
        ],
    }
