"""Score bins: how many predictions have a score in each bin of the reference's calibration, by class."""

from __future__ import annotations

from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats
from exporter.reference.calibration import Calibration
from exporter.reference.profile import Profile
from exporter.stats import NotExported, OfReference
from exporter.tallies.tally import COUNTS, Tally
from exporter.tallies.vocabulary import printable


class ScoreBins(OfReference, NotExported):
    """Counts by class, by whether that class is predicted (0 or 1), and by bin of its score.

    A prediction counts if the reference has its class and the record has that class's score; then each class with a
    score is counted. Nothing is counted if no scores were read.
    """

    name = "score_bins"
    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile, calibration: Calibration) -> None:
        self.calibration = calibration
        self.classes = {printable(name): row for row, name in enumerate(calibration.classes)}
        self.reference_id = profile.reference_id
        self._edges = [np.array(scored.edges) for scored in calibration.classes.values()]
        self._shape = (len(calibration.classes), 2, calibration.bins)

    def zero(self) -> Floats:
        return np.zeros(self._shape)

    def tally(self, batch: Batch) -> Tally:
        bins = self._shape[-1]
        tally = np.zeros((batch.groups, *self._shape), COUNTS)
        if batch.scores is None:
            return tally
        places = np.array([self.classes.get(name, -1) for name in batch.prediction.names] + [-1])
        predicted = places[batch.prediction.codes]
        counted = np.flatnonzero(predicted >= 0)
        counted = counted[~np.isnan(batch.scores[predicted[counted], counted])]
        predicted, group, scores = predicted[counted], batch.group[counted], batch.scores[:, counted]
        for row, (edges, values) in enumerate(zip(self._edges, scores, strict=True)):
            cells = (group * 2 + (predicted == row)) * bins + np.searchsorted(edges, values, "right")
            cells = cells[~np.isnan(values)]
            counts = np.bincount(cells, minlength=batch.groups * 2 * bins)
            tally[:, row] = counts.reshape(batch.groups, 2, bins)
        return tally
