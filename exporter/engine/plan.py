"""The plan of an engine: what is counted of each model, windows, limits, and how the bytes of each source are read."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.batch import Series
from exporter.decoding.pipeline import Pipeline
from exporter.lines.framing import Framer
from exporter.model_key import ModelKey
from exporter.state.snapshot import Identities, ModelIdentities
from exporter.stats import Statistic
from exporter.tallies.windows import Window
from exporter.units import FieldPath


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the memory that a log can take."""

    line_bytes: int
    models: int
    prediction_classes: int
    error_types: int
    request_ids: int = 0
    segment_values: int = 20
    waiting: int = 1_000_000
    idle_seconds: float = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class SegmentDimension:
    """A dimension that predictions are split by: the value at `path` of a record, or without it, the feature `name`.

    Numbers are split into bands by ascending `bounds`. A combination has the values of the segments `of` which it
    consists. `known` values are exported from the start, and are admitted first.
    """

    name: str
    path: FieldPath | None
    known: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What is counted of one model, or of all models that have no settings of their own.

    `known_classes` are exported from the start. `features` are those in the profile. `segmented` are the statistics
    that are tallied for each value of `segments` too, which the decoder reads in that order. `protected` segments have
    half-days of outcomes.
    """

    statistics: Sequence[Statistic]
    known_classes: Sequence[str] = ()
    features: Sequence[str] = ()
    segments: Sequence[SegmentDimension] = ()
    segmented: Sequence[Statistic] = ()
    protected: frozenset[str] = frozenset()

    @property
    def identities(self) -> ModelIdentities:
        """What tallies by this plan mean."""
        own = {each.name: f"{each.path!r}{each.bounds or ''}" for each in self.segments}
        return ModelIdentities(
            statistics={statistic.name: repr(statistic) for statistic in self.statistics},
            segments={each.name: " / ".join(own[part] for part in each.of or (each.name,)) for each in self.segments},
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """`models` has what is counted, and `pipelines` how each source's bytes become batches, by its name.

    `arrow` makes the pipelines of the Arrow that a source's clients may send instead of lines. `known_series` are
    exported from the start. `remembered` names the statistics that are kept when they roll out of a window.
    """

    models: Mapping[ModelKey, ModelPlan]
    windows: Sequence[Window]
    pipelines: Mapping[str, Pipeline]
    limits: Limits
    arrow: Mapping[str, Callable[[], Pipeline]] = field(default_factory=dict)
    known_series: Sequence[Series] = ()
    remembered: frozenset[str] = frozenset()
    truths: frozenset[str] = frozenset()
    wait_seconds: float = 0.0
    settled_seconds: float = 0.0
    view_seconds: float = math.inf

    @property
    def framers(self) -> dict[str, Framer]:
        """What frames the streams of each source, by its name."""
        return {name: pipeline.framer for name, pipeline in self.pipelines.items()}

    @property
    def identities(self) -> Identities:
        """What tallies by this plan mean."""
        return Identities(
            models={key: model.identities for key, model in self.models.items()},
            windows={window.label: f"{window.number} panes, {window.seconds:g} s" for window in self.windows},
        )
