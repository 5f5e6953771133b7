"""From the configuration to what the engine does: the one list to add a statistic to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.collector import Collector
from exporter.engine import CLASS_LABEL, ERROR_LABEL
from exporter.forms import Forms
from exporter.plan import Limits, Plan
from exporter.profile import Categorical, Profile
from exporter.settings import DEFAULT_THRESHOLDS, Config
from exporter.stats import Derived, Statistic
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.stats.psi import FeaturePsi
from exporter.stats.window_samples import WindowSamples
from exporter.windows import Window


@dataclass(frozen=True)
class Measures:
    """What is computed: the statistics, and what is derived from them."""

    statistics: Sequence[Statistic]
    derived: Sequence[Derived]


def measures(config: Config, profile: Profile | None) -> Measures:
    """Choose the statistics; the one list to add a line to."""
    predictions = LabelCounts(
        "model_predictions_total",
        "Predictions served.",
        "prediction",
        CLASS_LABEL,
        "predictions",
        frozenset(_known_classes(profile)),
    )
    statistics: list[Statistic] = [
        Histogram(
            "model_prediction_latency_seconds",
            "How long a prediction took.",
            "latency_seconds",
            config.buckets.latency_seconds,
        ),
        predictions,
        LabelCounts("model_prediction_errors_total", "Requests that failed.", "error", ERROR_LABEL, "errors"),
        Histogram(
            "model_prediction_probability",
            "Score of the prediction, 0 to 1.",
            "probability",
            config.buckets.probability,
        ),
    ]
    derived: list[Derived] = [WindowSamples(predictions.name)]
    if profile:
        bins = FeatureBins(profile)
        statistics += [bins, FeatureQuality(profile)]
        derived.append(FeaturePsi(bins, config.smoothing.epsilon))
    return Measures(statistics, derived)


def plan(config: Config, profile: Profile | None) -> tuple[Plan, Collector]:
    """Return what the engine does, and how its results are shown."""
    chosen = measures(config, profile)
    windows = [Window(str(window), window.seconds) for window in config.windows]
    forms = Forms(config, profile)
    read = {str(source.url): forms.of(source) for source in config.sources}
    arrow = {str(source.url): make for source in config.sources if (make := forms.beside(source))}
    limits = Limits(
        line_bytes=config.limits.line_bytes,
        models=config.limits.models,
        prediction_classes=config.limits.prediction_classes,
        error_types=config.limits.error_types,
    )
    thresholds = DEFAULT_THRESHOLDS | config.thresholds
    return (
        Plan(
            chosen.statistics,
            windows,
            decoders={name: form.decoder for name, form in read.items()},
            limits=limits,
            framers={name: form.framer for name, form in read.items()},
            arrow=arrow,
            known_series=(forms.model,) if forms.model else (),
            known_classes=_known_classes(profile),
        ),
        Collector(chosen.statistics, chosen.derived, windows, thresholds),
    )


def _known_classes(profile: Profile | None) -> tuple[str, ...]:
    known = profile.prediction if profile else None
    return tuple(known.categories) if isinstance(known, Categorical) else ()
