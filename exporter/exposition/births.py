"""Births of counters: a scraper is shown a new counter at 0 before it is shown the counter's value.

`increase` of a series that first appears at 500 misses the 500. So each scraper gets 0 in its first scrape of a new
series, and the value from its next scrape on. Nobody who has seen the value of a series gets 0 afterwards.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample

from exporter.families import COUNTED, CREATED, Family, LabelValues

# A scraper that has not scraped for so long is forgotten, because its address may belong to another one by now.
FORGOTTEN_SECONDS = 300.0
# Beyond these, the one that scraped least recently is forgotten.
MAX_SCRAPERS = 32


class Exposed(NamedTuple):
    """One exposition: its number, from 1 on, and the time of its snapshot, in seconds since epoch."""

    number: int
    time: float


# When series were born that a checkpoint has restored.
RESTORED = Exposed(0, nan)


@dataclass
class _Scraper:
    """The newest exposition that a scraper has been sent, and when, by the clock."""

    number: int
    seconds: float


class Births:
    """The exposition in which each counter series was born, and the newest one that each scraper has been sent.

    `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._born: dict[str, dict[LabelValues, Exposed]] = {}
        self._begun = 0
        self._recorded = 0
        # The newest exposition in which a series was born.
        self._newest = 0
        # The values of the series that were born up to this exposition are shown to scrapers that are not known.
        self._disclosed = 0
        # By address, in the order of their last scrapes.
        self._scrapers: dict[str, _Scraper] = {}

    @property
    def has_begun(self) -> bool:
        """Whether there has been an exposition."""
        return self._begun > 0

    def begin(self, time: float) -> Exposed:
        """Return the next exposition; `time` is that of its snapshot."""
        self._begun += 1
        return Exposed(self._begun, time)

    def restore(self, families: Iterable[Family]) -> None:
        """Take the series of families that have counted anything for known, unless their birth is recorded."""
        for family in families:
            if family.type in COUNTED:
                born = self._born.setdefault(family.name, {})
                for label_values, *values in zip(family.label_values, *family.columns, strict=True):
                    if any(values):
                        born.setdefault(label_values, RESTORED)

    def seen_by(self, scraper: str) -> int:
        """Return the number of an exposition: the scraper is to be shown series born after it at 0, and others not.

        To a scraper that is not known, a series is new if no scraper has seen its value.
        """
        seconds = self._clock()
        for address, each in [*self._scrapers.items()]:
            if each.seconds > seconds - FORGOTTEN_SECONDS and len(self._scrapers) <= MAX_SCRAPERS:
                break
            # Or the value would never be shown to one that scrapes rarely, or whose address changes all the time.
            self._disclosed = max(self._disclosed, each.number)
            del self._scrapers[address]
        known = self._scrapers.get(scraper)
        # At most the newest birth, so that scrapers for which nothing is new share an exposition.
        seen = min(known.number if known else self._disclosed, self._newest)
        self._disclosed = max(self._disclosed, seen)
        return seen

    def sent(self, scraper: str, number: int) -> None:
        """Record that a scraper has been sent the exposition with a number."""
        before = self._scrapers.pop(scraper, None)
        self._scrapers[scraper] = _Scraper(max(number, before.number if before else 0), self._clock())

    def record(self, name: str, series: Sequence[LabelValues], exposed: Exposed) -> Mapping[LabelValues, Exposed]:
        """Return when each series of a family was born. Those that are not known are born in the one `exposed`."""
        born = self._born.setdefault(name, {})
        # Threads may overtake each other.
        if exposed.number < self._recorded:
            return dict.fromkeys(series, exposed) | born
        self._recorded = exposed.number
        if new := [label_values for label_values in series if label_values not in born]:
            born.update(dict.fromkeys(new, exposed))
            self._newest = exposed.number
        if len(born) > len(series):
            self._born[name] = born = {label_values: born[label_values] for label_values in series}
        return born

    def has_new(self, seen: int) -> bool:
        """Return whether any series was born after the exposition with a number."""
        return self._newest > seen


@dataclass(frozen=True)
class ScraperView:
    """Families and other metrics as a scraper is to be shown them: series born after the exposition `seen` are 0.

    With `has_created`, each series that was born since the process started has a line with the time of its birth.
    """

    births: Births
    exposed: Exposed
    seen: int
    has_created: bool

    def of(self, family: Family) -> Family:
        """Return a family, whose values are changed in place."""
        if family.type in COUNTED:
            born = self.births.record(family.name, family.label_values, self.exposed)
            if self.births.has_new(self.seen):
                for place, label_values in enumerate(family.label_values):
                    if born[label_values].number > self.seen:
                        for column in family.columns:
                            column[place] = 0.0
            if self.has_created:
                family.lines = (*family.lines, CREATED)
                family.columns = (*family.columns, [born[label_values].time for label_values in family.label_values])
        return family


@dataclass(frozen=True)
class RegistryView(Collector):
    """The metrics of a registry as a scraper is to be shown them."""

    registry: CollectorRegistry
    view: ScraperView

    def collect(self) -> Iterator[Metric]:
        for metric in self.registry.collect():
            if metric.type in COUNTED:
                keys = [_key(sample) for sample in metric.samples]
                born = self.view.births.record(metric.name, [*dict.fromkeys(keys)], self.view.exposed)
                metric.samples = [
                    sample._replace(value=0.0)
                    if born[key].number > self.view.seen and not _is_created(sample)
                    else sample
                    for key, sample in zip(keys, metric.samples, strict=True)
                    if self.view.has_created or not _is_created(sample)
                ]
            yield metric


def _key(sample: Sample) -> LabelValues:
    return tuple(value for label, value in sample.labels.items() if label != "le")


def _is_created(sample: Sample) -> bool:
    return sample.name.endswith(CREATED.suffix)
