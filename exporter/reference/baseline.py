"""The baseline: how good the model was on the reference, where that has both predictions and their truth."""

from __future__ import annotations

import msgspec


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of performance, 0 to 1, and its standard error."""

    value: float
    stderr: float


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Over `samples` outcomes; precision, recall and F1 are weighted by how often a class is the truth."""

    samples: int
    accuracy: Figure
    precision: Figure
    recall: Figure
    f1: Figure

    @property
    def figures(self) -> dict[str, Figure]:
        return {"accuracy": self.accuracy, "precision": self.precision, "recall": self.recall, "f1": self.f1}

    def problem(self) -> str | None:
        """Say what contradicts itself, if anything."""
        if self.samples < 1:
            return f"expected at least one sample, got {self.samples}"
        for name, figure in self.figures.items():
            if not (0 <= figure.value <= 1 and figure.stderr >= 0):
                return f"{name}: expected a value from 0 to 1 and a standard error of at least 0"
        return None
