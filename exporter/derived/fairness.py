"""Fairness: what rules and dashboards need to compare the groups of a protected segment, such as age bands.

The comparison itself is that of recording rules, because only they see all pods.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.batch import SegmentSeries
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.view import View, WindowTallies
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS, SEGMENTS
from exporter.stats.label_counts import LabelCounts
from exporter.stats.outcomes import Outcomes, matrix
from exporter.tallies.vocabulary import CLASS_LABEL


@dataclass(frozen=True)
class ProtectedSegments:
    """`model_segment_protected`: which segments are compared, and the class that is good for the person concerned."""

    segments: tuple[str, ...]
    favourable: str

    def collect(self, view: View) -> Families:
        text = "1 for each protected segment, with the favourable class."
        family = GaugeFamily("model_segment_protected", text, (*BASE_LABELS, "segment", CLASS_LABEL))
        for series in view.series:
            for segment in self.segments:
                family.add((*series, segment, self.favourable), 1)
        yield family


@dataclass(frozen=True)
class EqualOpportunity:
    """`model_segment_actual_favourable`: how many who deserved the favourable class there were, and who got it.

    Outcomes are those of the settled half-days of the last 30 days. Each group is weighted to its own predictions by
    predicted class, and left out while too few of its ground truth has arrived.
    """

    outcomes: Outcomes
    predictions: LabelCounts
    judge: OutcomeJudge
    favourable: str
    segments: tuple[str, ...]

    def collect(self, view: View) -> Families:
        text = (
            "Outcomes of the judged days whose actual class is the favourable one, weighted to all predictions, "
            "by whether it was predicted."
        )
        family = GaugeFamily("model_segment_actual_favourable", text, (*SEGMENTS.labels, "predicted"))
        for window in self._judged(view):
            found, missed = self.counts(window)
            family.extend([(*window.series, name) for name in ("favourable", "unfavourable")], [found, missed])
        yield family

    def counts(self, window: WindowTallies[SegmentSeries]) -> tuple[float, float]:
        """Return the weighted number of outcomes whose actual class is favourable: predicted as such, and not."""
        counts = matrix(window[self.outcomes], len(window.classes))
        if window.weights is not None:
            counts = counts * window.weights[:, None]
        place = window.classes.index(self.favourable)
        deserved = counts[:, place]
        return float(deserved[place]), float(deserved.sum() - deserved[place])

    def _judged(self, view: View) -> Iterator[WindowTallies[SegmentSeries]]:
        if self.favourable in view.classes:
            for window in self.judge.settled_segments(view):
                if window.series.segment in self.segments:
                    yield window
