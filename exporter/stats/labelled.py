"""How many predictions have their ground truth, by the time of the prediction."""

from exporter.batch import Batch
from exporter.stats import Statistic
from exporter.tallies.tally import COUNTS, Tally


class Labelled(Statistic):
    """The number of predictions that have been joined with their ground truth."""

    name = "labelled"
    reads = "outcomes"
    shape = (1,)

    def tally(self, batch: Batch) -> Tally:
        return batch.sizes()[:, None].astype(COUNTS)
