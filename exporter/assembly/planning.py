"""From the configuration to what the engine does, and how its results are shown."""

from __future__ import annotations

from collections.abc import Callable

from exporter.assembly import ground_truth, segments
from exporter.assembly.forms import Forms
from exporter.assembly.measures import known_classes, measures
from exporter.configuration import business
from exporter.configuration.settings import Config
from exporter.configuration.units import Duration
from exporter.counting.plan import Limits, Plan
from exporter.decoding.reading import Form
from exporter.exposition.collector import Collector
from exporter.reference.profile import Profile
from exporter.tallies.windows import Window


def plan(config: Config, profile: Profile | None) -> tuple[Plan, Collector]:
    """Return what the engine does, and how its results are shown."""
    chosen = measures(config, profile)
    windows = [Window(str(window), window.seconds, _before(config, window)) for window in config.windows]
    forms = Forms(config, profile, amounts=business.of_records(config))
    read, arrow = _read(forms)
    truth = config.ground_truth
    if truth:
        of_truths, arrow_of_truths = _read(ground_truth.forms(config, truth))
        read, arrow = read | of_truths, arrow | arrow_of_truths
    split_by = segments.resolve(config, profile)
    limits = Limits(
        line_bytes=config.limits.line_bytes,
        models=config.limits.models,
        prediction_classes=config.limits.prediction_classes,
        error_types=config.limits.error_types,
        request_ids=config.quality.duplicate_ids,
        segment_values=config.limits.segment_values,
        waiting=truth.waiting if truth else 0,
    )
    return (
        Plan(
            chosen.statistics,
            windows,
            decoders={name: form.decoder for name, form in read.items()},
            limits=limits,
            framers={name: form.framer for name, form in read.items()},
            arrow=arrow,
            known_series=(forms.model,) if forms.model else (),
            known_classes=known_classes(profile),
            features=tuple(profile.features) if profile else (),
            remembered=chosen.remembered,
            segments=split_by,
            segmented=chosen.segmented,
            truths=frozenset(str(source.url) for source in truth.sources) if truth else frozenset(),
            wait_seconds=truth.wait.seconds if truth else 0.0,
        ),
        Collector(chosen, windows),
    )


def _read(forms: Forms) -> tuple[dict[str, Form], dict[str, Callable[[], Form]]]:
    """Return how each source is read, and how the Arrow is that its clients may send beside lines."""
    sources = forms.config.sources
    return (
        {str(source.url): forms.of(source) for source in sources},
        {str(source.url): make for source in sources if (make := forms.beside(source))},
    )


def _before(config: Config, window: Duration) -> tuple[tuple[str, float], ...]:
    ago = ((str(before), before.of(window)) for before in config.drift.before)
    return tuple((label, seconds) for label, seconds in ago if seconds is not None)
