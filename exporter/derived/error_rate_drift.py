"""Error-rate drift: whether a model is wrong more often than it was, by more than the days differ anyway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.derived.classification import Classification
from exporter.derived.judged_outcomes import HalfDays
from exporter.derived.regression import Regression
from exporter.derived.view import View
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.tails import t_tail

# So that a weekend is among the days before.
FEWEST_DAYS = 8
FEWEST_OUTCOMES_PER_DAY = 10
# The rate of false alarms per day.
SIGNIFICANCE = 0.001


@dataclass(frozen=True)
class ErrorRateDrift:
    """`model_error_rate_drift`: whether the error rate of the last days is higher than that of the days before.

    Only whole days (UTC) both of whose halves are judged count, so that neither the time of day nor labels that arrive
    sooner for some predictions matter. No value with fewer than FEWEST_DAYS such days.
    """

    performance: Classification | Regression
    overdispersion: float = 1.0

    def has_risen(self, view: View, half_days: HalfDays) -> bool | None:
        """Return whether the error rate has risen; None with too few days."""
        rates, outcomes = self._days(view, half_days)
        if len(rates) < FEWEST_DAYS:
            return None
        return p_value(rates, outcomes / self.overdispersion) < SIGNIFICANCE

    def collect(self, view: View) -> Families:
        text = "Whether the error rate of the last days is higher than before, beyond the differences between days."
        family = GaugeFamily("model_error_rate_drift", text, BASE_LABELS)
        for series, half_days in self.performance.judge.half_days(view).items():
            has_risen = self.has_risen(view, half_days)
            if has_risen is not None:
                family.add(series, has_risen)
        yield family

    def _days(self, view: View, half_days: HalfDays) -> tuple[Floats, Floats]:
        """Return the error rate and the number of outcomes of each judged day, oldest first."""
        name = self.performance.counted.name
        judged = [number for number, is_judged in zip(half_days.numbers, half_days.is_judged, strict=True) if is_judged]
        if len(judged) < 2 * FEWEST_DAYS:
            return np.zeros(0), np.zeros(0)
        by_number = dict(zip(half_days.numbers, half_days.panes, strict=True))
        errors, total = self.performance.errors([by_number[number][name] for number in judged], view.classes)
        days = [
            (errors[place] + errors[place + 1], total[place] + total[place + 1])
            for place, number in enumerate(judged[:-1])
            if number % 2 == 0 and judged[place + 1] == number + 1
        ]
        wrong, outcomes = np.array(days, np.float64).reshape(-1, 2).T
        enough = outcomes >= FEWEST_OUTCOMES_PER_DAY
        return wrong[enough] / outcomes[enough], outcomes[enough]


def p_value(rates: Floats, outcomes: Floats) -> float:
    """Return how likely it is that the last days of some have so much higher an error rate, if no day differs.

    Student's t of the last k days against those before, for the clearest k, times the number of k (Bonferroni). The
    variance of a day is that of the days on either side, or that of independent outcomes if it is larger.

    >>> before, after = np.full(9, 0.1), np.array([0.2])
    >>> p_value(np.append(before, after), np.full(10, 1000.0)) < 0.001
    True
    """
    days = len(rates)
    before, after = np.arange(1, days), np.arange(days - 1, 0, -1)
    centred = rates - rates.mean()
    sums = centred.cumsum()[:-1]
    # The sum of both sides is 0.
    difference = -sums / after - sums / before
    within = np.maximum(np.square(centred).sum() - np.square(sums) * (1 / before + 1 / after), 0.0)
    independent = rates.mean() * (1 - rates.mean()) * (1 / outcomes).mean()
    variance = np.maximum(within / (days - 2), independent) * (1 / before + 1 / after)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(difference > 0, difference / np.sqrt(variance), 0.0).max(initial=0.0)
    return min(1.0, (days - 1) * t_tail(days - 2, float(t))) if t else 1.0
