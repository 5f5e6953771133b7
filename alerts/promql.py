"""What the statistics are in PromQL: functions from expressions to expressions.

`window` and `reference` are expressions of counts by feature and bin, with the same labels on both sides; `n` and
`m` of their sums by feature; `used` of how many bins are not empty on both sides. All are names of recorded series,
with an `offset` perhaps, or in parentheses: an expression is put in as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derived.counts import JEFFREYS
from exporter.derived.drift import SAMPLES_PER_BIN
from exporter.derived.reference_info import REFERENCE_INFO
from exporter.stats import BASE_LABELS
from exporter.stats.feature_bins import FEATURE_BIN

# Who is one fleet: pods of one model in a namespace, whatever scrapes them. A label that is not there does no harm.
MODEL = ("cluster", "namespace", BASE_LABELS[0])
VERSION = (*MODEL, BASE_LABELS[1])
FEATURE = (*VERSION, "feature_name")
BIN = (*FEATURE, "bin")
INSTANCE = ("pod", "instance")

# How long after its last sample Prometheus still shows a series, unless told otherwise.
LOOKBACK = "5m"
# A numeric bin's label, `3: [0.1, 7)`; of two digits where a feature has more than ten bins.
NUMERIC_BIN = r"[0-9]+: [(\\[].+, .+\\)"
# The standard normal's quantile of 0.99: by chance, one value of a hundred is over the critical one.
CHANCE = 0.01
Z = 2.3263479


def by(labels: Iterable[str]) -> str:
    return ", ".join(labels)


def counted(window: str) -> str:
    """Return what each counter has counted in the window, exactly as the scrapes saw it.

    From the last scrape before the window to the last one in it, so that one window's counts and the next one's
    add up to those of both; of a pod that is new, from its first scrape. Where a counter was reset, `increase`,
    which extrapolates to the window's ends: by at most 1.1 scrape intervals at each.
    """
    counter = FEATURE_BIN
    return (
        "(\n"
        f"  max_over_time({counter}[{window}])\n"
        f"  - ({counter} offset {window} or min_over_time({counter}[{window}]))\n"
        f"  unless resets({counter}[{window}{LOOKBACK}]) > 0\n"
        ")\n"
        f"or increase({counter}[{window}])"
    )


def since_last(every: str) -> str:
    """Return what each counter has counted since the evaluation `every` ago.

    Looked up as far back as Prometheus shows a series, at both times alike: so evaluations add up to all that scrapes
    saw, also over ones that failed. Of a pod that is new, or whose counters were reset, it is what comes after the
    first evaluation that sees it. What comes while Prometheus misses an evaluation is left out, of all bins alike.
    """
    now, before = (f"last_over_time({FEATURE_BIN}[{LOOKBACK}]{offset})" for offset in ("", f" offset {every}"))
    return f"clamp_min(\n  {now}\n  - {before},\n  0\n)"


def references(window: str) -> str:
    """Return how many references each version's pods had in the window."""
    ids = f"count by ({by(VERSION)}, reference_id) (last_over_time({REFERENCE_INFO}[{window}]))"
    return f"count by ({by(VERSION)}) (\n  {ids}\n)"


def where_one(references: str) -> str:
    return f"and on ({by(VERSION)}) ({references} == 1)"


def used_bins(window: str, reference: str, labels: Iterable[str] = FEATURE) -> str:
    return f"count by ({by(labels)}) ({window} + {reference} > 0)"


def used_bins_where_same(window: str, reference: str) -> str:
    """Return the same, and nothing where the two sides have not the same bins."""
    labels = by(FEATURE)
    return (
        f"{used_bins(window, reference)}\n"
        f"and count by ({labels}) ({window}) == count by ({labels}) ({reference})\n"
        f"and count by ({labels}) ({window}) == count by ({labels}) ({window} + {reference})"
    )


def enough(n: str, used: str) -> str:
    return f"{n} >= {SAMPLES_PER_BIN} * {used}"


def psi(window: str, reference: str, n: str, m: str, used: str, labels: Iterable[str] = FEATURE) -> str:
    """Return the PSI with Jeffreys' smoothing, as exporter.derived.psi has it.

    The sum over the used bins of (p - q) ln(p / q), where p = (count + 0.5) / (n + 0.5 B) and q alike. In
    ln(p / q) the part that is the same for all bins may be left out, because the sum of p - q is 0; what is left
    is 0 in a bin that is empty on both sides. So all that is joined is sums, and an unused bin needs no filter.
    """
    left, right = f"({window} + {JEFFREYS})", f"({reference} + {JEFFREYS})"

    def part(side: str, size: str) -> str:
        return f"sum by ({by(labels)}) (\n  {side}\n  * ln({left} / {right})\n) / ({size} + {JEFFREYS} * {used})"

    return f"{part(left, n)}\n- {part(right, m)}"


def psi_critical(n: str, m: str, used: str) -> str:
    """Return what PSI exceeds by chance once in 100: the quantile of chi-squared with B - 1 degrees, times 1/n + 1/m.

    The quantile is Wilson and Hilferty's: 0.8% low for 1 degree of freedom, within 0.3% for more.
    """
    degrees = f"({used} - 1)"
    return (
        f"(1 / ({n} > 0) + 1 / ({m} > 0))\n"
        f"* {degrees} * (\n"
        f"  1 - 2 / 9 / {degrees}\n"
        f"  + {Z} * sqrt(2 / 9 / {degrees})\n"
        ") ^ 3\n"
        f"and {used} > 1"
    )


def chi_squared(window: str, reference: str, n: str, m: str) -> str:
    """Return Pearson's statistic of the table of both sides' counts; bins that are empty on both are left out."""

    def share(side: str, size: str) -> str:
        return f"{side} / on ({by(FEATURE)}) group_left() ({size} > 0)"

    return (
        f"{n} * {m}\n"
        f"* sum by ({by(FEATURE)}) (\n"
        "  (\n"
        f"    {share(window, n)}\n"
        f"    - {share(reference, m)}\n"
        "  ) ^ 2\n"
        f"  / ({window} + {reference} > 0)\n"
        ")"
    )


def numeric_shares_less_reference(window: str, reference: str) -> str:
    """Return each numeric bin's share of the numbers less its share of the reference's, with its `ten`."""

    def share(counts: str) -> str:
        numbers = f'{counts}{{bin=~"{NUMERIC_BIN}"}}'
        return f"{numbers}\n  / on ({by(FEATURE)}) group_left() (sum by ({by(FEATURE)}) ({numbers}) > 0)"

    return f'label_replace(\n  {share(window)}\n  - {share(reference)},\n  "ten", "$1", "bin", "([0-9]?)[0-9]: .*"\n)'


def sums_within_tens(differences: str) -> str:
    """Return the sum of a feature's bins of one ten (0 to 9, 10 to 19) up to each `unit`.

    PromQL has no running sum, and a regular expression for each of a hundred bins would be long. So the sum goes
    by the label's digits: ten sums here, and nine in `greatest_sum` of the tens before.
    """
    return "\nor ".join(
        f"label_replace(\n"
        f"  sum by ({by(FEATURE)}, ten) ({_bins(differences, f'[0-9]?[0-{unit}]')}),\n"
        f'  "unit", "{unit}", "", ""\n'
        ")"
        for unit in range(10)
    )


def greatest_sum(differences: str, within_tens: str) -> str:
    """Return the greatest absolute sum of a feature's first bins, over all that may be called the first."""
    before = "\n  or ".join(
        f'label_replace(sum by ({by(FEATURE)}) ({_bins(differences, f"[0-{ten - 1}][0-9]")}), "ten", "{ten}", "", "")'
        for ten in range(1, 10)
    )
    return (
        f"max by ({by(FEATURE)}) (abs(\n"
        f"  {within_tens} + on ({by(FEATURE)}, ten) group_left() (\n"
        f"  {before})\n"
        f"  or {within_tens}\n"
        "))"
    )


def _bins(counts: str, digits: str) -> str:
    return f'{counts}{{bin=~"{digits}: .*"}}'
