"""The baseline: the model's performance on the reference, if that has both predictions and ground truth."""

from __future__ import annotations

import msgspec


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of performance, 0 to 1, and its standard error."""

    value: float
    stderr: float


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Performance over `samples` outcomes; precision, recall and F1 are averages weighted by the true classes."""

    samples: int
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate

    @property
    def figures(self) -> dict[str, Estimate]:
        return {"accuracy": self.accuracy, "precision": self.precision, "recall": self.recall, "f1": self.f1}

    def problem(self) -> str | None:
        """Return what is inconsistent, if anything is."""
        if self.samples < 1:
            return f"expected at least one sample, got {self.samples}"
        for name, figure in self.figures.items():
            if not (0 <= figure.value <= 1 and figure.stderr >= 0):
                return f"{name}: expected a value from 0 to 1 and a standard error of at least 0"
        return None
