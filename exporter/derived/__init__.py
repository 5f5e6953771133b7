"""What tallies mean: pure functions of counts, one file each, and the metric families that export their values."""

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from exporter.batch import Series
from exporter.derived.view import View
from exporter.families import Families
from exporter.stats import Statistic

T = TypeVar("T")


class Derived(Protocol):
    """Values that are derived from a snapshot."""

    def collect(self, view: View) -> Families:
        """Yield the values as metric families."""
        ...


@dataclass(frozen=True, slots=True)
class Criteria:
    """How a change is judged.

    `significance` is the accepted rate of false alarms. Records that depend on each other count less: `overdispersion`
    of them as one. `threshold` is the PSI, or the drop of a figure of performance, above which a change matters;
    `epsilon` is that of `drift_statistics.psi`.
    """

    significance: float = 0.01
    overdispersion: float = 1.0
    threshold: float = 0.25
    epsilon: float | None = None


@dataclass
class Measures:
    """The statistics of a model, and the values derived from them, in the order of export.

    `segmented` are the statistics that are tallied by segment too, and `remembered` names those whose tallies are kept
    after they have left a window. `by_half_days` names those that are tallied by half-days too.
    """

    statistics: list[Statistic] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)
    segmented: list[Statistic] = field(default_factory=list)
    remembered: frozenset[str] = frozenset()
    by_half_days: frozenset[str] = frozenset()

    def collect(self, view: View) -> Families:
        """Yield all families of a view."""
        yield from self.totals(view)
        for derived in self.derived:
            yield from derived.collect(view)

    def totals(self, view: View) -> Families:
        """Yield the families of a view that are not derived, among them all counters."""
        for statistic in self.statistics:
            yield from statistic.collect(view.totals(Series, statistic), view.names)

    def one(self, kind: type[T], /, **attributes: Any) -> T:
        """Return the first statistic or derived value of a type, with these attributes. Raises LookupError."""
        found = self.find(kind, **attributes)
        if found is None:
            raise LookupError(f"no {kind.__name__} with {attributes}")
        return found

    def find(self, kind: type[T], /, **attributes: Any) -> T | None:
        """Return the first statistic or derived value of a type, with these attributes; None if there is none."""
        return next(iter(self.every(kind, **attributes)), None)

    def every(self, kind: type[T], /, **attributes: Any) -> list[T]:
        """Return all statistics and derived values of a type, with these attributes."""
        return [
            each
            for each in (*self.statistics, *self.derived, *self.segmented)
            if isinstance(each, kind) and all(getattr(each, name) == value for name, value in attributes.items())
        ]
