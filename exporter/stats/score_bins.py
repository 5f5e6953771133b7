"""Score bins: how many predictions have a score in each bin of the reference's calibration, by class."""

import numpy as np

from exporter.batch import Batch
from exporter.reference.calibration import Calibration
from exporter.reference.profile import Profile
from exporter.stats import Statistic, count_cells
from exporter.tallies.tally import COUNTS, Tally
from exporter.tallies.vocabulary import printable


class ScoreBins(Statistic):
    """Counts by class, by whether that class is predicted (0 or 1), and by bin of its score.

    A prediction counts if the reference has its class and the record has that class's score; then each class with a
    score is counted. Nothing is counted if no scores were read.
    """

    name = "score_bins"

    def __init__(self, profile: Profile, calibration: Calibration) -> None:
        self.calibration = calibration
        self.classes = {printable(name): row for row, name in enumerate(calibration.classes)}
        self.identity = profile.reference_id
        self.shape = (len(calibration.classes), 2, calibration.bins)
        self._edges = [np.array(scored.edges) for scored in calibration.classes.values()]

    def tally(self, batch: Batch) -> Tally:
        tally = np.zeros((batch.groups, *self.shape), COUNTS)
        if batch.scores is None:
            return tally
        places = np.array([self.classes.get(name, -1) for name in batch.prediction.names] + [-1])
        predicted = places[batch.prediction.codes]
        counted = np.flatnonzero(predicted >= 0)
        counted = counted[~np.isnan(batch.scores[predicted[counted], counted])]
        predicted, group, scores = predicted[counted], batch.group[counted], batch.scores[:, counted]
        for row, (edges, values) in enumerate(zip(self._edges, scores, strict=True)):
            cells = (predicted == row) * self.shape[-1] + np.searchsorted(edges, values, "right")
            has_score = ~np.isnan(values)
            tally[:, row] = count_cells(cells[has_score], group[has_score], batch.groups, self.shape[1:])
        return tally
