"""The reconstruction error: how far records lie from the principal components of the reference's numeric features.

It grows where the relations between features change, which no feature shows alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from exporter.batch import Batch, Floats, Series
from exporter.components import Components, reconstruction_error, standardised
from exporter.profile import Profile
from exporter.stats import BASE_LABELS, Names
from exporter.tally import Tallies

MIN_SAMPLES = 30


class ReconstructionError:
    """The tally is the count of records and the sum of their errors, in the reference's standard deviations.

    A record's error is bounded (exporter.components), so none outweighs all others.
    """

    name = "reconstruction_error"
    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile, components: Components) -> None:
        self.components = components
        self._reference_id = profile.reference_id
        positions = {name: index for index, name in enumerate(profile.numeric)}
        features = [profile.numeric[name] for name in components.features]
        self._rows = np.array([positions[name] for name in components.features])
        self._mean = np.array([[feature.mean] for feature in features])
        self._stddev = np.array([[feature.stddev] for feature in features])
        self._loadings = np.array(components.loadings)

    def __repr__(self) -> str:
        return f"ReconstructionError({self._reference_id})"

    def zero(self) -> Floats:
        return np.zeros(2)

    def tally(self, batch: Batch) -> Floats:
        values = standardised(batch.numbers[self._rows], self._mean, self._stddev)
        errors = reconstruction_error(values, self._loadings) / self.components.error_stddev
        tally = np.empty((batch.groups, 2))
        tally[:, 0] = np.bincount(batch.group, minlength=batch.groups)
        tally[:, 1] = np.bincount(batch.group, errors, batch.groups)
        return tally

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Metric]:
        """Totals since the start are of no use here."""
        return iter(())


@dataclass(frozen=True)
class MultivariateDrift:
    """How far a window's mean error has moved from the reference's; no value under MIN_SAMPLES records.

        shift = (mean of the window - mean of the reference) / standard deviation of the reference
        z = shift / sqrt(1/n + 1/m)

    Without drift, z of n records against the m of the reference is about standard normal.
    """

    errors: ReconstructionError

    def collect(self, windows: Mapping[str, Tallies]) -> Iterator[Metric]:
        labels = (*BASE_LABELS, "window")
        drift = GaugeMetricFamily(
            "model_multivariate_drift",
            "Shift of the mean PCA reconstruction error from the reference's, in its standard deviations.",
            labels=labels,
        )
        zscore = GaugeMetricFamily(
            "model_multivariate_drift_zscore",
            "The same shift in its standard errors: beyond 3 is hardly chance.",
            labels=labels,
        )
        reference = self.errors.components
        for label, tallies in windows.items():
            for series, row in tallies.items():
                count, total = row[self.errors.name].tolist()
                if count >= MIN_SAMPLES:
                    shift = total / count - reference.error_mean / reference.error_stddev
                    drift.add_metric((*series, label), shift)
                    zscore.add_metric((*series, label), shift / math.sqrt(1 / count + 1 / reference.rows))
        yield from (drift, zscore)
