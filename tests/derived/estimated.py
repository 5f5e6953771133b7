"""Models, the reference that `profile` makes of their scored records, and what is estimated of others."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn import metrics

from exporter.assembly.measures import measures
from exporter.batch import Batch, Floats, Ints
from exporter.configuration.settings import Config
from exporter.offline.profiling import Options, make_profile
from exporter.offline.profiling.outcomes import BINS, scored_class
from exporter.reference.calibration import Calibration
from exporter.reference.profile import Profile
from tests.derived.views import view_of
from tests.offline.profiling.training import write
from tests.records import DEFAULT, NOW, block, columns, decoded_block, decoder, reference

FIGURES = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}


class Scored(NamedTuple):
    """Records of one model: the score of each class, shape (n, classes), and the truth as the number of a class."""

    names: tuple[str, ...]
    scores: Floats
    actual: Ints

    @property
    def predicted(self) -> Ints:
        return self.scores.argmax(axis=1)

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.actual).mean())

    @property
    def auc(self) -> float:
        """The mean over classes, each against the rest."""
        areas = [metrics.roc_auc_score(self.actual == row, scores) for row, scores in enumerate(self.scores.T)]
        return float(np.mean(areas))

    def figure(self, metric: str, average: str | None) -> Any:
        return FIGURES[metric](
            self.actual, self.predicted, average=average, zero_division=0, labels=range(len(self.names))
        )

    def records(self, *, by_class: bool = True) -> list[dict[str, Any]]:
        """Return them as lines of a log; the score of the predicted class alone where not of all."""
        return [
            {
                "timestamp": NOW,
                "features": {"x": 1},
                "prediction": self.names[scores.argmax()],
                "probability": dict(zip(self.names, scores.tolist(), strict=True)) if by_class else scores.max(),
            }
            for scores in self.scores
        ]

    def reference(self) -> Profile:
        """Return the reference that the records make with their truth, without a file."""
        predicted = self.predicted
        classes = {
            name: scored_class(scores, predicted == row, self.actual == row, BINS)
            for row, (name, scores) in enumerate(zip(self.names, self.scores.T, strict=True))
        }
        return reference({}, self.names, calibration=Calibration(len(self.actual), classes))

    def batch(self) -> Batch:
        """Return them as they are decoded."""
        batch = columns(len(self.scores), prediction=[self.names[code] for code in self.predicted])
        return replace(batch, scores=self.scores.T)

    def profile(self, folder: Path, *, by_class: bool = True) -> Profile:
        """Return the reference that the records make with their truth."""
        pairs = zip(self.records(by_class=by_class), self.actual, strict=True)
        rows = [record | {"actual": self.names[actual]} for record, actual in pairs]
        return make_profile([write(folder / "reference.jsonl", rows)], Options())[0]


def estimated(profile: Profile, records: Sequence[Any] | Batch) -> dict[tuple[str, ...], float]:
    """Return what is estimated of a window of records, by figure, average or metric, and class."""
    chosen = measures(Config(sources=[]), profile)
    batch = records if isinstance(records, Batch) else decoded_block(decoder(profile, fields={}), block(records)).batch
    assert batch is not None
    row = {
        statistic.name: statistic.tally(batch)[0].astype(np.float64)
        for statistic in chosen.statistics
        if statistic.reads == "predictions"
    }
    families = [family for derived in chosen.derived for family in derived.collect(view_of({"1h": {DEFAULT: row}}))]
    found = {}
    for sample in (sample for family in families for sample in family.samples):
        labels = [sample.labels[name] for name in ("average", "class", "metric") if sample.labels.get(name)]
        if sample.name.startswith("model_estimated_"):
            found[sample.name.removeprefix("model_estimated_"), *labels] = sample.value
    return found


def curve(rng: np.random.Generator, rows: int, center: float, *, confidence: float = 1.0, drift: float = 0.0) -> Scored:
    """Draw records of a model of one number, whose truth is the likelier the greater it is.

    A `confidence` over 1 is more than is due. `drift` moves the truth, and not what the model makes of the number.
    """
    x = rng.normal(center, 1.5, rows)
    actual = rng.random(rows) < 1 / (1 + np.exp(-2 * (x - drift)))
    positive = 1 / (1 + np.exp(-2 * confidence * x))
    return Scored(("no", "yes"), np.column_stack((1 - positive, positive)), actual.astype(np.int64))
