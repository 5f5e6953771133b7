"""The model that the demo watches: a logistic regression on scikit-learn's breast-cancer data.

569 biopsies, each with 30 measures of the cell nuclei in a microscope's image, malignant or benign. Half of them
train the model and are the reference; the other half is its traffic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter.batch import Floats

NAME, VERSION = "breast-cancer", "1"
# Halves that are alike: no feature's PSI between them is over 0.1, so that what drifts is what was shifted.
SPLIT_SEED = 11
# Texture is the deviation of the image's grey values: a new camera with more contrast shifts these, and no others.
SHIFTED = ("mean texture", "texture error", "worst texture")
# As little as this hardly makes the model worse: what drifts is its inputs.
SHIFT_FACTOR = 1.3


@dataclass(frozen=True, slots=True)
class Prediction:
    """A class, and the model's probability of it."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Model:
    """A trained classifier with the rows it was trained on and those it was not; `accuracy` is on the latter.

    `truth` are the classes that the rows it was not trained on are of.
    """

    classifier: Any
    features: tuple[str, ...]
    classes: tuple[str, ...]
    training: Floats
    held_out: Floats
    truth: tuple[str, ...]
    accuracy: float

    def predict(self, row: Floats) -> Prediction:
        """Classify one row, as a server does."""
        shares = self.classifier.predict_proba(row[np.newaxis])[0]
        best = int(np.argmax(shares))
        return Prediction(self.classes[best], float(shares[best]))

    def shifted(self, row: Floats) -> Floats:
        """Return the row as the camera with more contrast would have measured it."""
        return row * np.where(np.isin(self.features, SHIFTED), SHIFT_FACTOR, 1.0)


def train() -> Model:
    """Train on one half; the same model each time."""
    data = load_breast_cancer()
    training, held_out, training_classes, held_out_classes = train_test_split(
        data.data, data.target, train_size=0.5, stratify=data.target, random_state=SPLIT_SEED
    )
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(training, training_classes)
    return Model(
        classifier,
        features=tuple(map(str, data.feature_names)),
        classes=tuple(map(str, data.target_names)),
        training=training,
        held_out=held_out,
        truth=tuple(str(data.target_names[label]) for label in held_out_classes),
        accuracy=float(classifier.score(held_out, held_out_classes)),
    )
