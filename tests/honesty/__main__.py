"""`python -m tests.honesty PYTHON` writes results.md; PYTHON is that of an environment with the other tools."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.honesty.false_alarms import month
from tests.honesty.populations import model
from tests.honesty.power import EVENTS, MODELS, MODELS_OF_OTHERS, NOTHING, Event, power, power_of_others
from tests.honesty.power import FEATURES as COLUMNS

RESULTS = Path(__file__).parent / "results.md"
SIZES = (200, 500, 2000)
REFERENCE = 10_000
MONTHS = 5
# Features of a model, records of its reference, and records of a window of 5 minutes.
TRAFFIC = [(20, m, n) for m in (1_000, 10_000) for n in (50, 100, 200, 1_000)] + [
    (200, m, 200) for m in (1_000, 10_000)
]
# The features of a larger model are of the same kinds; so many of them are simulated.
SIMULATED = 20


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| --- " * len(head) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def power_rows(python: Path) -> Iterator[list[str]]:
    cases: list[tuple[Event, int, int]] = [(event, REFERENCE, n) for event in (NOTHING, *EVENTS) for n in SIZES]
    for (event, m, n), others in zip(cases, power_of_others(python, cases), strict=True):
        moderate, major = power(event, m, n)
        yield [event.name, str(n), percent(moderate), percent(major), *map(percent, others.values())]


def small_reference_rows() -> Iterator[list[str]]:
    for event in EVENTS:
        yield [event.name, *(percent(share) for share in power(event, 1_000, 2_000))]


def alarm_rows() -> Iterator[list[str]]:
    for features, m, n in TRAFFIC:
        found = []
        for number in range(MONTHS):
            rng = np.random.default_rng([features, m, n, number])
            found.append(month(model(SIMULATED, m, rng), n, features, rng))
        by_window = np.array(found).sum(axis=2).mean(axis=0) * features / SIMULATED
        most = int(np.array(found).sum(axis=(1, 2)).max())
        rates = [f"{rate:.2f}" for rate in (*by_window[:, 0], *by_window.sum(axis=0))]
        yield [str(features), f"{m:,}", f"{n:,}", *rates, str(most) if features == SIMULATED else ""]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.honesty")
    parser.add_argument("python", type=Path)
    python: Path = parser.parse_args().python
    lines = [
        "# Power and false alarms",
        "",
        "`make honesty` writes this page, from fixed seeds. n is the number of records of a window, and m that of the",
        "reference. [What the numbers mean](../../exporter/derived/README.md) explains the levels.",
        "",
        "## Changes that are found",
        "",
        f"One of {COLUMNS} features of a model changes, and m is {REFERENCE:,}. The table shows how often one window",
        f"of n records is reported. There are {MODELS * COLUMNS} windows, and {MODELS_OF_OTHERS * COLUMNS} for",
        "Evidently 0.7 and NannyML 0.13 with their defaults. Without a change, it is how often a feature is reported",
        "by mistake.",
        "",
        *table(["change", "n", "level 1", "level 2", "Evidently", "NannyML"], power_rows(python)),
        "",
        "With m = 1,000 and n = 2,000:",
        "",
        *table(["change", "level 1", "level 2"], small_reference_rows()),
        "",
        "## False alarms",
        "",
        "How often the level of any feature of a model rises in 30 days without drift, on average over",
        f"{MONTHS} models with one reference each. Three of five features are numeric: continuous, discrete, with",
        "missing values, or 92% zeros. The others have 5 to 50 categories. Windows of 5 minutes have n records, and",
        "those of an hour and a day 12 and 288 times as many. A window is judged 20 times while it passes. `most` is",
        "the largest number of rises of a single model.",
        "",
        *table(["features", "m", "n", "5m", "1h", "24h", "level 1", "level 2", "most"], alarm_rows()),
        "",
        f"Of 200 features, {SIMULATED} are simulated with their share of the rate, and rises are counted ten times.",
    ]
    RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
