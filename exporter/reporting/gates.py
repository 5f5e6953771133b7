"""What a report must fulfil, for pipelines: a level of drift that is not reached, and least figures of performance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.offline import OfflineError
from exporter.reporting.document import ModelReport, ReportDocument

LEVELS = {1: "moderate", 2: "major"}


@dataclass(frozen=True)
class Gates:
    """The level of drift from which the report fails, if any, and the least values of figures of performance."""

    level: int | None = None
    least: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, fail_on: str | None, least: Sequence[str]) -> Gates:
        """Return the gates of a command's options. Raises OfflineError."""
        level = None
        if fail_on is not None:
            if fail_on not in ("level=1", "level=2"):
                raise OfflineError(f"--fail-on: expected level=1 or level=2, got {fail_on!r}")
            level = int(fail_on[-1])
        figures = {}
        for text in least:
            name, _, value = text.partition("=")
            try:
                figures[name] = float(value)
            except ValueError:
                raise OfflineError(f"--least: expected FIGURE=NUMBER such as accuracy=0.8, got {text!r}") from None
        return cls(level, figures)

    def failures(self, document: ReportDocument) -> list[str]:
        """Return what is not fulfilled, one line each."""
        found: list[str] = []
        for model in document.models:
            found += self.of_drift(model)
            found += self.of_performance(model)
        if not document.models and (self.level or self.least):
            found.append("there are no predictions")
        return found

    def of_drift(self, model: ModelReport) -> Iterator[str]:
        """Yield the variables of a model whose drift is of the level."""
        for each in (*model.features, *model.outputs):
            if self.level and (each.status.level or 0) >= self.level:
                yield f"{each.status.name} has drifted: level {each.status.level}, PSI {each.status.psi:.3g}"

    def of_performance(self, model: ModelReport) -> Iterator[str]:
        """Yield the figures of a model that are too low, or unknown."""
        figures = model.status.performance.figures if model.status.performance else {}
        for name, least in self.least.items():
            if name not in figures:
                known = f"; known: {', '.join(figures)}" if figures else ", because there is no ground truth"
                yield f"{name} is unknown{known}"
            elif figures[name] < least:
                yield f"{name} is {figures[name]:.4g}, expected at least {least:g}"
