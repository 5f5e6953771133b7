"""A fleet's classification performance, exact from the confusion matrix as counters."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.promql import VERSION, by
from alerts.rules import Group, Recording, RuleFile

WINDOWS = ("1h", "24h")
PAIR = (*VERSION, "predicted", "actual")
CLASS = (*VERSION, "class")
LIMIT = 50_000


def file() -> RuleFile:
    return RuleFile(
        "outcomes",
        "outcomes",
        "Accuracy, precision, recall and F1 of a model version over all pods, from `model_outcomes_total`.\n"
        "Counts are added up first and divided then. Needs sidecars with `ground_truth`.",
        tuple(Group(f"model-outcomes-{window}", tuple(_rules(window)), LIMIT, "60s") for window in WINDOWS),
    )


def _rules(window: str) -> Iterator[Recording]:
    pairs = f"model_version_predicted_actual:model_outcomes:increase{window}"
    yield Recording(
        pairs, f"sum by ({by(PAIR)}) (increase(model_outcomes_total[{window}]))", "The confusion matrix of the window."
    )
    right = f"model_version_class:model_outcomes_right:increase{window}"
    # PromQL cannot compare two labels; of each predicted class a series is made whose `actual` is the same.
    same = f'label_replace(sum by ({by((*VERSION, "predicted"))}) ({pairs}), "actual", "$1", "predicted", "(.*)")'
    diagonal = f"({pairs} and on ({by(PAIR)}) {same})"
    yield Recording(
        right,
        f"sum by ({by(CLASS)}) (\n  {_as_class(diagonal, 'actual')}\n)"
        + "".join(f"\nor 0 * {_of_class(pairs, label)}" for label in ("predicted", "actual")),
        "Outcomes of each class that were predicted.",
    )
    yield Recording(
        f"model_version:model_accuracy:increase{window}",
        f"sum by ({by(VERSION)}) ({right})\n/ (sum by ({by(VERSION)}) ({pairs}) > 0)",
        "Share of outcomes that were predicted.",
    )
    predicted, actual = (_of_class(pairs, label) for label in ("predicted", "actual"))
    yield Recording(
        f"model_version_class:model_precision:increase{window}",
        f"{right}\n/ ({predicted} > 0)",
        "Of what was predicted to be a class, the share that was right.",
    )
    yield Recording(
        f"model_version_class:model_recall:increase{window}",
        f"{right}\n/ ({actual} > 0)",
        "Of what was a class, the share that was predicted.",
    )
    yield Recording(
        f"model_version_class:model_f1:increase{window}",
        f"2 * {right}\n/ (({predicted} or 0 * {right}) + ({actual} or 0 * {right}) > 0)",
        "Harmonic mean of both.",
    )


def _of_class(pairs: str, label: str) -> str:
    return f"sum by ({by(CLASS)}) ({_as_class(pairs, label)})"


def _as_class(expression: str, label: str) -> str:
    return f'label_replace({expression}, "class", "$1", "{label}", "(.*)")'
