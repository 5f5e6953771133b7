"""The demo's model: a logistic regression on scikit-learn's breast-cancer data.

The data has 569 biopsies, each with 30 measurements of cell nuclei in a microscope image, and a diagnosis: malignant or
benign. Half of them train the model and become its reference; the other half is its traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME, VERSION = "breast-cancer", "1"
# A split into similar halves: no feature has a PSI above 0.1 between them, so that only the shifted features drift.
SPLIT_SEED = 11
# Texture is the standard deviation of the image's grey values: a camera with more contrast shifts only these.
SHIFTED = ("mean texture", "texture error", "worst texture")
# Small enough that the inputs drift while the accuracy hardly falls.
SHIFT_FACTOR = 1.3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Model:
    """A trained classifier, with the rows that it was trained on and the rows held out.

    `held_out_classes` are the true classes of the rows in `held_out`, on which `accuracy` was measured.
    """

    classifier: Any
    features: tuple[str, ...]
    classes: tuple[str, ...]
    training: Floats
    held_out: Floats
    held_out_classes: tuple[str, ...]
    accuracy: float

    def predict(self, row: Floats) -> dict[str, str | float]:
        """Return the record fields `prediction` and `probability`; NaN is replaced by the feature's training mean."""
        complete = np.where(np.isnan(row), self.training.mean(axis=0), row)
        probabilities = self.classifier.predict_proba(complete[np.newaxis])[0]
        best = int(np.argmax(probabilities))
        return {"prediction": self.classes[best], "probability": round(float(probabilities[best]), 6)}

    def row(self, features: Mapping[str, float | None]) -> Floats:
        """Return the values in the model's order, with NaN for None."""
        return np.array([features[name] for name in self.features], np.float64)

    def named(self, row: Floats) -> dict[str, float | None]:
        """Return the values of a row by feature."""
        return dict(zip(self.features, row.tolist(), strict=True))

    def shifted(self, row: Floats) -> Floats:
        """Return the row as a camera with more contrast would have measured it."""
        return row * np.where(np.isin(self.features, SHIFTED), SHIFT_FACTOR, 1.0)


def train() -> Model:
    """Train the model; every call returns the same one."""
    data = load_breast_cancer()
    training, held_out, training_classes, held_out_classes = train_test_split(
        data.data, data.target, train_size=0.5, stratify=data.target, random_state=SPLIT_SEED
    )
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(training, training_classes)
    classes = tuple(map(str, data.target_names))
    return Model(
        classifier,
        features=tuple(map(str, data.feature_names)),
        classes=classes,
        training=training,
        held_out=held_out,
        held_out_classes=tuple(classes[index] for index in held_out_classes),
        accuracy=float(classifier.score(held_out, held_out_classes)),
    )
