"""What a user may choose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from exporter.decoding.schema import Schema
from exporter.profiling.errors import ProfilingError
from exporter.reference.profile import MAX_BINS

MIN_BINS = 2


@dataclass(frozen=True, slots=True)
class Options:
    """How to make a profile; raises ProfilingError where options contradict each other.

    `numeric` and `categorical` declare features that the data would be read otherwise for; `exclude` leaves
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
            raise ProfilingError(f"--bins: expected {MIN_BINS} to {MAX_BINS}, got {self.bins}")
        given = (("numeric", self.numeric), ("categorical", self.categorical), ("exclude", self.exclude))
        for index, (option, names) in enumerate(given):
            for other, others in given[index + 1 :]:
                for name in names:
                    if name in others:
                        raise ProfilingError(f"--{option} {name}: it is given as --{other} too")

    @property
    def named(self) -> dict[str, str]:
        """Return every feature that is named, with the option that names it."""
        options = {"--numeric": self.numeric, "--categorical": self.categorical, "--exclude": self.exclude}
        return {name: option for option, names in options.items() for name in names}
