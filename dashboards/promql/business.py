"""Queries for the business figure that is chosen: of versions by class, and by segment."""

from collections.abc import Callable
from dataclasses import dataclass

from dashboards import metrics
from dashboards.promql.segments import CHOSEN, OF_SEGMENT
from dashboards.promql.selection import OF_VERSION, in_window, models, number_observed, rate, sum_of


@dataclass(frozen=True)
class Figure:
    """The histograms of a figure's amounts: `positive` and `negative`, by labels."""

    positive: str
    negative: str
    labels: str
    matchers: tuple[str, ...] = ()

    def records(self) -> str:
        """Return how many records per second have the figure."""
        return self._number(rate)

    def sum(self) -> str:
        """Return the net sum of the figure per second."""
        return self._net(rate)

    def mean(self) -> str:
        """Return the mean of the figure in the window."""
        return f"({self._net(in_window)}) / ({self._number(in_window)} > 0)"

    def _number(self, over: Callable[[str], str]) -> str:
        return number_observed(self._histogram(self.positive), over, self.labels)

    def _net(self, over: Callable[[str], str]) -> str:
        positive, negative = (
            sum_of(self._histogram(metric), over, self.labels) for metric in (self.positive, self.negative)
        )
        return f"{positive} - {negative}"

    def _histogram(self, metric: str) -> Callable[[str], str]:
        return lambda suffix: models(f"{metric}{suffix}", *self.matchers)


BY_CLASS = Figure(metrics.BUSINESS, metrics.BUSINESS_NEGATIVE, f"{OF_VERSION}, prediction_class")
BY_SEGMENT = Figure(metrics.SEGMENT_BUSINESS, metrics.SEGMENT_BUSINESS_NEGATIVE, OF_SEGMENT, CHOSEN)


def figures() -> str:
    """Return a selector of all figures. Each figure has a metric name of its own."""
    return models("", f'__name__=~"{metrics.BUSINESS_FIGURES}"')
