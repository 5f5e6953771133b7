"""Which features have drifted: large, beyond chance, and not of broken data. And the two alerts on them."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from alerts.alert import PERCENT, TWO_DIGITS, Alert, Look, limit_of, of_version, value
from alerts.feature_series import derived, size
from alerts.limits import over
from alerts.models import BEYOND_CHANCE, ENOUGH, where_known_since
from alerts.promql import FEATURE, VERSION, by
from alerts.quality import BROKEN
from alerts.rules import Recording

DRIFTED = "model_version_feature:model_feature_drift_psi:drifted"
DRIFTED_RATIO = "model_version:model_drifted_features_per_feature:ratio"


def drifted() -> Iterator[Recording]:
    hour, busy = size("1h"), f"max_over_time({size('1h')}[1d:10m]) >= {ENOUGH}"
    gauges = (
        f'quantile by ({by(FEATURE)}) (0.5, model_feature_drift_psi{{window="1h"}})\n'
        f'and avg by ({by(FEATURE)}) (model_feature_drifted{{window="1h"}}) >= 0.5\n'
        f"{where_known_since('1h')}\nunless {hour}"
    )
    found = (
        f"(\n{_certain('1h')}\n{where_known_since('1h')}\n)\n"
        f"or (\n{_certain('24h')}\n{where_known_since('24h')}\nunless {busy}\n)\n"
        f"or (\n{gauges}\n)"
    )
    yield Recording(
        DRIFTED,
        f"{over(f'({chr(10)}{found}{chr(10)})', 'feature_drift_psi')}\nunless on ({by(FEATURE)}) {BROKEN}",
        "PSI of the features that have drifted: over the limit, of at least 100 values, and twice what chance reaches "
        "once in a hundred. By the last hour, or by the last day where no hour has as many; by the pods' own verdicts "
        "where `exported_bins` leaves bins out. Not of a new version until its window is full, and not of a feature "
        "whose values are broken: that is an alert of its own.",
    )
    judged = f'{derived("drift_psi", "1h")} or max by ({by(FEATURE)}) (model_feature_drift_psi{{window="1h"}})'
    yield Recording(
        DRIFTED_RATIO,
        f"count by ({by(VERSION)}) ({DRIFTED})\n/ count by ({by(VERSION)}) ({judged})",
        "The share of features that have drifted.",
    )


def alerts() -> Iterator[Alert]:
    limit_of_psi = limit_of("feature_drift_psi", TWO_DIGITS)
    widespread = f"{over(DRIFTED_RATIO, 'drifted_features_ratio')}\nand count by ({by(VERSION)}) ({DRIFTED}) >= 3"
    listed = Look(DRIFTED).listed(["feature_name"], TWO_DIGITS)
    yield Alert(
        "ModelFeatureDrift",
        "drift",
        "warning",
        expression=f"max by ({by(VERSION)}) ({DRIFTED})\n> 0\n"
        f"unless on ({by(VERSION)}) (\n{indent(widespread, '  ')}\n)",
        pending="15m",
        summary="A model's inputs are not what it was trained on.",
        says=f"{of_version('Inputs')} have moved away from the reference, more than chance explains. PSI by feature, "
        "the "
        f"limit being {limit_of_psi}: {listed}.",
        first="First look at which bins have grown, and ask where that feature comes from.",
        value=value(TWO_DIGITS),
        dashboard="drift",
        limit=limit_of_psi,
        keep_firing_for="30m",
    )
    yield Alert(
        "ModelDriftWidespread",
        "drift",
        "warning",
        expression=widespread,
        pending="15m",
        summary="Many of a model's inputs are not what it was trained on.",
        says=f"{of_version(f'{value(PERCENT)} of the features')} have drifted; the limit is "
        f"{limit_of('drifted_features_ratio', PERCENT)}. PSI of those that have moved most: {listed}.",
        first="First rule out a broken source that they share; if the world has changed, train anew.",
        value=value(PERCENT),
        dashboard="drift",
        limit=limit_of("drifted_features_ratio", PERCENT),
        keep_firing_for="1h",
        action="retrain",
    )


def _certain(window: str) -> str:
    psi, n, critical = derived("drift_psi", window), size(window), derived("drift_psi_critical", window)
    return f"{psi}\nand {n} >= {ENOUGH}\nand {psi} > {BEYOND_CHANCE} * {critical}"
