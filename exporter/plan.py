"""What an engine does: which statistics over which windows, and how each source's bytes are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.batch import Series
from exporter.framing import Framer
from exporter.reading import Decoder, Form
from exporter.stats import Statistic
from exporter.windows import Window


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a log may make of us."""

    line_bytes: int
    models: int
    prediction_classes: int
    error_types: int
    request_ids: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """`decoders` gives the decoder of each source by name, `framers` the framing where it is not lines.

    `arrow` makes what reads the Arrow that a source's clients may send beside lines. `known_series` and
    `known_classes` are exported from the start. `features` are those that the profile knows.
    `remembered` names the statistics that are kept of what has rolled out of a window.
    """

    statistics: Sequence[Statistic]
    windows: Sequence[Window]
    decoders: Mapping[str, Decoder]
    limits: Limits
    framers: Mapping[str, Framer] = field(default_factory=dict)
    arrow: Mapping[str, Callable[[], Form]] = field(default_factory=dict)
    known_series: Sequence[Series] = ()
    known_classes: Sequence[str] = ()
    features: Sequence[str] = ()
    remembered: frozenset[str] = frozenset()

    @property
    def identities(self) -> dict[str, str]:
        """What each statistic's tally means, by its name: a tally goes on only where that is the same."""
        return {statistic.name: repr(statistic) for statistic in self.statistics}
