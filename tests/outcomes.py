"""Outcomes to test with: batches of predictions and their truth, and what is told of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from msgspec.structs import replace as with_fields

from exporter.assembly.measures import measures
from exporter.batch import Batch, Floats
from exporter.configuration.settings import Config, GroundTruthConfig
from exporter.encoded import Encoded
from exporter.exposition.collector import Collector
from exporter.model_key import OTHERS
from exporter.reference.profile import Categorical, Numeric, Profile
from exporter.state.snapshot import ModelLabels, Snapshot
from exporter.tallies.tally import StatisticArrays
from exporter.tallies.vocabulary import CLASS_LABEL
from tests.records import DEFAULT, NOW, WINDOWS, columns, reference

CONFIG = Config(sources=[], ground_truth=GroundTruthConfig(sources=[]))

# The value of each metric, by its labels without those of the series.
Told = Mapping[tuple[str, ...], float]


def outcomes(
    predicted: Sequence[str | None] = (),
    actual: Sequence[str | None] = (),
    *,
    classes: Sequence[str] = (),
    scores: Floats | None = None,
    probability: Sequence[float] = (),
    value: Sequence[float] = (),
    actual_value: Sequence[float] = (),
    delay_seconds: Sequence[float] = (),
    group: Sequence[int] = (),
    groups: int = 1,
) -> Batch:
    """Return a batch of outcomes whose classes are numbered in order: the `classes` first, as an engine does."""
    rows = max(len(predicted), len(value))
    told = [tuple(labels) or ("value",) * rows for labels in (predicted, actual)]
    names = tuple(dict.fromkeys([*classes, *(name for labels in told for name in labels if name is not None)]))
    codes = {name: code for code, name in enumerate(names)}
    spelt = [
        Encoded(names, np.array([-1 if name is None else codes[name] for name in labels], np.int64)) for labels in told
    ]
    nothing = [math.nan] * rows
    return replace(
        columns(rows, probability=probability, value=value, group=group, groups=groups),
        prediction=spelt[0],
        actual=spelt[1],
        actual_value=np.array(actual_value or nothing, np.float64),
        scores=scores,
        delay_seconds=np.array(delay_seconds or nothing, np.float64),
    )


def told(batch: Batch, profile: Profile | None, config: Config = CONFIG) -> dict[str, Told]:
    """Return what the sidecar tells of a window, and of totals, that hold a batch of outcomes."""
    chosen = measures(config, profile)
    row: StatisticArrays = {
        statistic.name: statistic.tally(batch)[0] if statistic.reads == "outcomes" else statistic.zero()
        for statistic in chosen.statistics
    }
    collector = Collector({OTHERS: chosen}, WINDOWS)
    names = {CLASS_LABEL: batch.prediction.names, "error_type": ()}
    pane = WINDOWS[0].first_in_view(NOW) + 1
    snapshot = Snapshot(
        time=NOW,
        totals={DEFAULT: row},
        windows={WINDOWS[0].label: {pane: {DEFAULT: row}}},
        labels={DEFAULT.model_name: ModelLabels(names)},
    )
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in collector.collect(snapshot):
        for sample in family.samples:
            labels = {name: label for name, label in sample.labels.items() if name not in DEFAULT._fields}
            if labels.get("window", "1m") == "1m":
                key = tuple(label for name, label in labels.items() if name != "window")
                found.setdefault(sample.name, {})[key] = sample.value
    return {name: found.get(name, {}) for name in {*found, *EVERY}}


EVERY = (
    *("model_accuracy", "model_precision", "model_recall", "model_f1", "model_auc", "model_log_loss"),
    *("model_brier_score", "model_expected_calibration_error", "model_window_outcomes", "model_outcomes_total"),
    *("model_mae", "model_rmse", "model_mape", "model_r2", "model_bias", "model_residual_quantile"),
    *("model_performance_baseline", "model_performance_drop", "model_performance_degraded"),
)


def of_classes(classes: Sequence[str]) -> Profile:
    """Return a reference whose predictions are classes."""
    return reference({}, classes)


def of_values(stddev: float = 10.0, mean: float = 50.0) -> Profile:
    """Return a reference whose predictions are values."""
    prediction = Numeric(
        edges=[mean],
        counts=[50, 50],
        missing=0,
        other=0,
        mean=mean,
        stddev=stddev,
        min=mean - stddev,
        max=mean + stddev,
        cuts=[mean],
        cut_counts=[50, 50],
        tail_means=(mean - stddev, mean + stddev),
    )
    return with_fields(reference({}), prediction=prediction)


def with_truth(profile: Profile, counts: Mapping[str, int]) -> Profile:
    """Return the profile with the truth of its records."""
    truth = Categorical(categories=dict(counts), missing=0, other=0, distinct=len(counts))
    return with_fields(profile, actual=truth)
