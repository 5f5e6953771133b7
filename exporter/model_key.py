"""Which settings apply to the records of a series: those of its version, of its model, or of all other models."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from exporter.batch import Series


class ModelKey(NamedTuple):
    """The records that settings are for: those of a version, of all other versions of a model, OTHERS, or FIRST."""

    name: str | None = None
    version: str | None = None


# The records of all models without settings of their own.
OTHERS = ModelKey()
# The records of the first such model in the log, which a reference belongs to if nothing says which model it is for.
FIRST = ModelKey(version="first")


class ModelKeys:
    """Finds the key of a series among those that have settings.

    `first` is the name of the model that FIRST stands for, None if there was none yet.
    """

    def __init__(self, keys: Collection[ModelKey], first: str | None = None) -> None:
        self._keys = keys
        self.first = first

    def of(self, series: Series) -> ModelKey:
        """Return the most specific key of a series."""
        for key in (ModelKey(*series), ModelKey(series.model_name)):
            if key in self._keys:
                return key
        if FIRST not in self._keys:
            return OTHERS
        self.first = series.model_name if self.first is None else self.first
        return FIRST if series.model_name == self.first else OTHERS
