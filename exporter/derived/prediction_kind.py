"""The kind of predictions: contradictions of the log to what the configuration or the reference declares."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.batch import Series
from exporter.decoding.columns import VALUE_CLASS, PredictionKind
from exporter.derived.view import View
from exporter.families import Families
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.tallies.vocabulary import OTHER

# With fewer predictions or scores, nothing is said.
FEWEST = 60
# The share of records that contradict a declaration.
MANY = 0.1
# More distinct numbers than this are hardly classes.
CODES = 50
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")
HALF = 0.5


@dataclass(frozen=True)
class LoggedPredictions:
    """Predictions and scores as they are logged; `kind` is what predictions are declared to be, None if nothing is."""

    predictions: LabelCounts
    scores: Histogram
    kind: PredictionKind | None
    positive_class: str | int | None

    def looks_like(self, view: View, series: Series) -> PredictionKind | None:
        """Return the other kind, which the predictions of a series look like; None if they agree with `kind`."""
        counts, total = self._counts(view, series)
        if total < FEWEST:
            return None
        values = counts.get(VALUE_CLASS, 0.0)
        if self.kind == "value":
            return "class" if total - values > MANY * total else None
        numbers = [name for name, count in counts.items() if count and NUMBER.fullmatch(name)]
        others = total - values - counts.get(OTHER, 0.0) - sum(counts[name] for name in numbers)
        has_many = len(numbers) > CODES and self._scores(view, series) < HALF * total
        return "value" if (has_many or values > MANY * total) and others <= MANY * total else None

    def notes(self, view: View, series: Series) -> Iterator[str]:
        """Yield what contradicts the declarations about the predictions of a series, and what to set."""
        looks_like = self.looks_like(view, series)
        declared = "not declared" if self.kind is None else f"declared as {self.kind}"
        if looks_like == "class":
            yield f"predictions are {declared}, but many are no numbers; set `prediction: class` if they are classes"
        elif looks_like:
            yield (
                f"predictions are {declared}, but look like values, as of a regression: they are numbers, and of more "
                f"than {CODES} distinct ones or not whole; set `prediction: value`, and make the reference with "
                "`profile --prediction value`"
            )
        yield from self._notes_on_scores(view, series)

    def _notes_on_scores(self, view: View, series: Series) -> Iterator[str]:
        counts, _ = self._counts(view, series)
        scores = self._scores(view, series)
        classes = [name for name, count in counts.items() if count]
        if self.kind == "value" or self.positive_class is not None or len(classes) != 2 or scores < FEWEST:  # noqa: PLR2004
            return
        low = [count for bound, count in self.scores.buckets(view.totals(Series, self.scores)[series]) if bound <= HALF]
        if low and low[-1] > MANY * scores:
            share = f"at most 0.5 for {low[-1] / scores:.0%} of the predictions of two classes"
            yield (
                f"the probability is {share}, so it is hardly that of the predicted class; "
                f"set `positive_class` to the class that it belongs to, {' or '.join(classes)}"
            )

    def _counts(self, view: View, series: Series) -> tuple[Mapping[str, float], float]:
        """Return the predictions of a series by class, and how many there are."""
        tally = view.totals(Series, self.predictions).get(series)
        if tally is None:
            return {}, 0.0
        return self.predictions.counts(tally, view.names), float(tally.sum())

    def _scores(self, view: View, series: Series) -> float:
        tally = view.totals(Series, self.scores).get(series)
        return 0.0 if tally is None else self.scores.count(tally)

    def collect(self, view: View) -> Families:
        """Return no families: what is contradicted is logged."""
        return iter(())
