"""What a user may choose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from exporter.decoding.schema import Schema
from exporter.offline import OfflineError
from exporter.reference.profile import MAX_BINS

MIN_BINS = 2


@dataclass(frozen=True, slots=True)
class Options:
    """How to make a profile; raises OfflineError if options contradict each other.

    `numeric` and `categorical` declare features that would be something else by their values; `exclude` leaves
    features out. `schema` says where the fields of a record lie.
    """

    bins: int = 10
    binning: Literal["quantile", "uniform"] = "quantile"
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schema: Schema = field(default_factory=Schema)

    def __post_init__(self) -> None:
        if not MIN_BINS <= self.bins <= MAX_BINS:
            raise OfflineError(f"--bins: expected {MIN_BINS} to {MAX_BINS}, got {self.bins}")
        for option, name in self._given:
            if self.named[name] != option:
                raise OfflineError(f"{option} {name}: also given as {self.named[name]}")

    @property
    def named(self) -> dict[str, str]:
        """Every feature that is named, with the option that names it."""
        return {name: option for option, name in self._given}

    @property
    def _given(self) -> Iterator[tuple[str, str]]:
        options = {"--numeric": self.numeric, "--categorical": self.categorical, "--exclude": self.exclude}
        return ((option, name) for option, names in options.items() for name in names)
