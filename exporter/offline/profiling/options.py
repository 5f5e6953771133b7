"""The options of `prediction-exporter profile`."""

from dataclasses import dataclass, field
from typing import Literal

from exporter.decoding.schema import Schema
from exporter.offline import OfflineError
from exporter.reference.profile import MAX_BINS

MIN_BINS = 2


@dataclass(slots=True)
class Options:
    """How to make a profile; raises OfflineError if options contradict each other.

    `numeric` and `categorical` declare features whose values suggest another kind; `exclude` leaves features out.
    `schema` has the paths of the fields of a record. `named` maps all features that are named to the option.
    """

    bins: int = 10
    binning: Literal["quantile", "uniform"] = "quantile"
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schema: Schema = field(default_factory=Schema)
    named: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if not MIN_BINS <= self.bins <= MAX_BINS:
            raise OfflineError(f"--bins: expected {MIN_BINS} to {MAX_BINS}, got {self.bins}")
        options = {"--exclude": self.exclude, "--categorical": self.categorical, "--numeric": self.numeric}
        for option, names in options.items():
            for name in names:
                if self.named.setdefault(name, option) != option:
                    raise OfflineError(f"{option} {name}: also given as {self.named[name]}")
