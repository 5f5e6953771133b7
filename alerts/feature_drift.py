"""Drift of a fleet against the reference, over one hour and over a day."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from alerts import promql
from alerts.drifted_features import alerts, drifted
from alerts.feature_series import EVERY, INCREMENTS, LIMIT, REFERENCE, REFERENCE_SIZE, counts, derived, references, size
from alerts.promql import BIN, FEATURE, by
from alerts.rules import Group, Recording, RuleFile
from exporter.stats.feature_bins import REFERENCE_BIN

# A millisecond short, so that of what is recorded at even times the one at the very beginning is not in it, neither in
# Prometheus 2 nor in 3. The hours of a day are looked up at whole hours.
HOUR = "[59m59s999ms]"
DAY_OF_HOURS = "[23h59m59s999ms:1h]"


def file(every: str = EVERY) -> RuleFile:
    """Return the rules; `every` is how often a fleet is looked at, at most two minutes."""
    return RuleFile(
        "feature-drift",
        "feature_drift",
        "How far each feature of a model version has drifted from the reference, over all pods that serve it, and "
        "alerts on it. Needs models.yaml and quality.yaml.\n"
        "Counts are added up first and compared then, so that this is the drift of the whole fleet's records.",
        (
            Group("model-feature-reference", tuple(_reference()), LIMIT),
            # From counts to alerts one after the other, so that nothing waits for the next evaluation.
            Group("model-feature-drift-1h", (*_hour(every), *_drift("1h"), *drifted(), *alerts()), LIMIT, every),
            Group("model-feature-drift-1h-details", tuple(_details("1h")), LIMIT),
            Group("model-feature-drift-24h", (*_day(), *_drift("24h"), *_details("24h")), LIMIT),
        ),
    )


def _hour(every: str) -> Iterator[Recording]:
    yield _references("1h")
    yield Recording(
        INCREMENTS,
        f"sum by ({by(BIN)}) (\n{indent(promql.since_last(every), '  ')}\n)",
        "Values in each bin since the evaluation before, from scrape to scrape and without extrapolation. The group's "
        "interval and the offset here are the same: change both, or neither.",
    )
    yield Recording(
        counts("1h"),
        f"sum_over_time({INCREMENTS}{HOUR})\n{promql.where_one(references('1h'))}",
        "Values in each bin in the last hour. Nothing where pods had different references: their bins do not add up.",
    )


def _day() -> Iterator[Recording]:
    yield _references("24h")
    yield Recording(
        counts("24h"),
        f"sum_over_time({counts('1h')}{DAY_OF_HOURS})\n{promql.where_one(references('24h'))}",
        "Values in each bin in the last 24 whole hours: the sum of what was recorded at each.",
    )


def _references(window: str) -> Recording:
    return Recording(
        references(window),
        promql.references(window),
        f"Different references among a version's pods in the last {window}. Over 1, what needs one is not recorded.",
    )


def _reference() -> Iterator[Recording]:
    yield Recording(
        REFERENCE,
        f"max by ({by(BIN)}) ({REFERENCE_BIN})\n{promql.where_one(promql.references('1h'))}",
        "The reference's count of each bin. All pods have the same one, or there is nothing here.",
    )
    yield Recording(REFERENCE_SIZE, f"sum by ({by(FEATURE)}) ({REFERENCE})", "The reference's size, m.")


def _drift(window: str) -> Iterator[Recording]:
    counted, n, used = counts(window), size(window), derived("bin_used", window)
    enough = promql.enough(n, used)
    yield Recording(n, f"sum by ({by(FEATURE)}) ({counted})", "Values in the window, n.")
    yield Recording(used, promql.used_bins(counted, REFERENCE), "Bins that are not empty on both sides, B.")
    yield Recording(
        derived("drift_enough", window),
        enough.replace(">=", ">= bool"),
        "1 where the window holds enough to say anything: ten values a bin. Where it is 0, no drift is recorded.",
    )
    yield Recording(
        derived("drift_psi", window),
        f"{promql.psi(counted, REFERENCE, n, REFERENCE_SIZE, used)}\nand {enough}",
        "Population stability index: the sum over bins of (p - q) ln(p / q), p = (count + 0.5) / (n + 0.5 B), q alike.",
    )
    yield Recording(
        derived("drift_psi_critical", window),
        promql.psi_critical(n, REFERENCE_SIZE, used),
        "What PSI exceeds by chance once in 100, at this n and m. Drift that is less is none.",
    )


def _details(window: str) -> Iterator[Recording]:
    """Yield what people look at and no alert needs."""
    counted, n = counts(window), size(window)
    enough = promql.enough(n, derived("bin_used", window))
    yield Recording(
        derived("drift_chi2", window),
        f"{promql.chi_squared(counted, REFERENCE, n, REFERENCE_SIZE)}\nand {enough}",
        "Chi-squared of the two rows of counts, with B - 1 degrees of freedom.",
    )
    differences = f"model_version_feature_bin:model_feature_bin_share_difference:increase{window}"
    yield Recording(
        differences,
        promql.numeric_shares_less_reference(counted, REFERENCE),
        "A numeric bin's share of the numbers, less its share of the reference's.",
    )
    within_tens = f"model_version_feature_edge:model_feature_bin_share_difference:sum_increase{window}"
    yield Recording(
        within_tens,
        promql.sums_within_tens(differences),
        "The same, added up from the first bin to each; from the first of its ten, where there are more than ten.",
    )
    yield Recording(
        derived("drift_ks", window),
        f"{promql.greatest_sum(differences, within_tens)}\nand {enough}",
        "Kolmogorov-Smirnov at the bins' edges: the greatest difference of the cumulative shares. Between two edges it "
        "may be more, by no more than what one bin holds, so this is a lower bound of the exact one.",
    )
