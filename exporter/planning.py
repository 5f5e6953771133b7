"""From the configuration to what the engine does: the one list to add a statistic to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter import presets, segments, source_list
from exporter.admission import CLASS_LABEL, ERROR_LABEL
from exporter.batch import Series
from exporter.collector import Collector, Shown
from exporter.decode import Decoder
from exporter.plan import Limits, Plan
from exporter.profile import Categorical, Profile
from exporter.schema import Schema
from exporter.settings import DEFAULT_THRESHOLDS, Config
from exporter.stats import Derived, Statistic
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.stats.psi import FeaturePsi
from exporter.stats.window_samples import WindowSamples
from exporter.windows import Window

UNKNOWN = Series("unknown", "unknown")


@dataclass(frozen=True)
class Measures:
    """What is computed: the statistics, what is derived from them, and what of both is told by segment too."""

    statistics: Sequence[Statistic]
    derived: Sequence[Derived]
    segmented: Shown


def measures(config: Config, profile: Profile | None) -> Measures:
    """Choose the statistics; the one list to add a line to, and `segmented` where it is told by segment too."""
    predictions = LabelCounts(
        "model_predictions_total",
        "Predictions served.",
        "prediction",
        CLASS_LABEL,
        "predictions",
        frozenset(_known_classes(profile)),
    )
    errors = LabelCounts("model_prediction_errors_total", "Requests that failed.", "error", ERROR_LABEL, "errors")
    latency = Histogram(
        "model_prediction_latency_seconds",
        "How long a prediction took.",
        "latency_seconds",
        config.buckets.latency_seconds,
    )
    statistics: list[Statistic] = [
        latency,
        predictions,
        errors,
        Histogram(
            "model_prediction_probability",
            "Score of the prediction, 0 to 1.",
            "probability",
            config.buckets.probability,
        ),
    ]
    samples = WindowSamples(predictions.name)
    derived: list[Derived] = [samples]
    segmented: list[Statistic] = [latency, predictions, errors]
    derived_of_segments: list[Derived] = [samples]
    needed: list[Statistic] = []
    if profile:
        bins = FeatureBins(profile)
        statistics += [bins, FeatureQuality(profile)]
        psi = FeaturePsi(bins, config.smoothing.epsilon)
        derived.append(psi)
        derived_of_segments.append(psi)
        # Tallied for drift, and not shown: a series for each feature, bin and value is too much.
        needed.append(bins)
    return Measures(statistics, derived, Shown(segmented, derived_of_segments, [*segmented, *needed]))


def plan(config: Config, profile: Profile | None) -> tuple[Plan, Collector]:
    """Return what the engine does, and how its results are shown."""
    chosen = measures(config, profile)
    windows = [Window(str(window), window.seconds) for window in config.windows]
    model = Series(config.model.name, str(config.model.version)) if config.model else None
    features = (tuple(profile.numeric), tuple(profile.categorical)) if profile else ((), ())
    split_by = segments.resolve(config, profile)
    decoders = {
        str(source.url): Decoder(
            Schema(presets.fields(source, config.fields), *features, segments.paths(split_by)),
            model or UNKNOWN,
            past_seconds=config.limits.past.seconds,
            future_seconds=config.limits.future.seconds,
        )
        for source in config.sources
    }
    limits = Limits(
        line_bytes=config.limits.line_bytes,
        models=config.limits.models,
        prediction_classes=config.limits.prediction_classes,
        error_types=config.limits.error_types,
        segment_values=config.limits.segment_values,
    )
    thresholds = DEFAULT_THRESHOLDS | config.thresholds
    return (
        Plan(
            chosen.statistics,
            windows,
            decoders=decoders,
            limits=limits,
            framers={str(source.url): source_list.framer(source) for source in config.sources},
            known_series=(model,) if model else (),
            known_classes=_known_classes(profile),
            segments=split_by,
            segmented=chosen.segmented.tallied,
        ),
        Collector(chosen.statistics, chosen.derived, windows, thresholds, chosen.segmented if split_by else None),
    )


def _known_classes(profile: Profile | None) -> tuple[str, ...]:
    known = profile.prediction if profile else None
    return tuple(known.categories) if isinstance(known, Categorical) else ()
