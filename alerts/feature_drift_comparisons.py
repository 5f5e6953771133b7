"""Drift of a fleet against itself: yesterday, a week ago, and the version that serves most."""

from __future__ import annotations

from collections.abc import Iterator

from alerts import promql
from alerts.feature_series import LIMIT, counts, derived, size
from alerts.promql import FEATURE, MODEL, VERSION, by
from alerts.rules import Group, Recording, RuleFile

WINDOWS = ("1h", "24h")
EARLIER = {"yesterday": "1d", "last_week": "1w"}


def file() -> RuleFile:
    return RuleFile(
        "feature-drift-comparisons",
        "feature_drift_comparisons",
        "How far each feature has drifted from what it was a day and a week before, and each version's features from "
        "those of the version that serves most. Needs feature-drift.yaml; keeps nothing but what it compares.",
        (
            *(
                Group(
                    f"model-feature-drift-{name.replace('_', '-')}",
                    tuple(rule for window in WINDOWS for rule in _earlier(name, offset, window)),
                    LIMIT,
                )
                for name, offset in EARLIER.items()
            ),
            Group(
                "model-feature-drift-versions", tuple(rule for window in WINDOWS for rule in _versions(window)), LIMIT
            ),
        ),
    )


def _earlier(name: str, offset: str, window: str) -> Iterator[Recording]:
    then = f"the same {window} {offset} before"
    yield from _compared(name, window, f"{counts(window)} offset {offset}", f"{size(window)} offset {offset}", then)


def _versions(window: str) -> Iterator[Recording]:
    main = f"model_version:model_main_version:increase{window}"
    reference = f"model_version_feature_bin:model_feature_bin_main_version:increase{window}"
    m = f"model_version_feature:model_feature_bin_main_version:increase{window}"
    yield Recording(
        main,
        f"topk by ({by(MODEL)}) (1, max by ({by(VERSION)}) ({size(window)}))",
        "The version that has served most, which the others are compared with: so their number grows with that of "
        "versions, and not with that of pairs.",
    )
    yield Recording(
        reference,
        f"({counts(window)} * 0 unless on ({by(VERSION)}) {main})\n"
        f"+ on ({by(MODEL)}, feature_name, bin) group_left()\n"
        f"({counts(window)} and on ({by(VERSION)}) {main})",
        "That version's counts, beside each other version's.",
    )
    yield Recording(m, f"sum by ({by(FEATURE)}) ({reference})", "Their sum, m.")
    yield from _compared("main_version", window, reference, m, "the version that has served most")


def _compared(name: str, window: str, reference: str, m: str, what: str) -> Iterator[Recording]:
    counted, n, used = counts(window), size(window), derived(f"bin_used_{name}", window)
    yield Recording(
        used,
        promql.used_bins_where_same(counted, reference),
        f"Bins that are not empty both now and in {what}; nothing where the bins are not the same.",
    )
    yield Recording(
        derived(f"drift_psi_{name}", window),
        f"{promql.psi(counted, reference, n, m, used)}\nand {promql.enough(n, used)}\nand {promql.enough(m, used)}",
        f"PSI against {what}.",
    )
    yield Recording(
        derived(f"drift_psi_{name}_critical", window),
        promql.psi_critical(n, m, used),
        "What it exceeds by chance once in 100.",
    )
