"""Outlets: consumers of accepted records besides the tallies, which are made durable with the counters.

To add an outlet, write its module: a frozen Struct of OutletOptions, and the DurableOutlet that they open. Then list
the options in Config.outlets.
"""

from typing import Any, Protocol

from exporter.batch import Batch
from exporter.store_error import StoreError


class Consumer(Protocol):
    """Takes accepted records in the order of their arrival."""

    def accept(self, batch: Batch, now: float) -> None:
        """Take records that arrived at epoch time `now`; their labels are admitted ones."""
        ...


class Outlet(Consumer, Protocol):
    """A consumer whose data becomes durable exactly once, with the commit of the counters.

    Its new data since the last commit is its delta, which is part of the snapshot. When the snapshot has been saved,
    the delta is applied to the DeltaStore of the same name, and is then `committed`. After a crash in between, the
    delta is read from the snapshot and applied again.
    """

    @property
    def is_full(self) -> bool:
        """Whether a commit is due before more is read."""
        ...

    def delta(self, now: float) -> Any:
        """Return the new data as a msgspec Struct, which later records do not change."""
        ...

    def committed(self, delta: Any) -> None:
        """Forget the data of a delta, because it is durable."""
        ...


class DeltaStore(Protocol):
    """Makes the deltas of an outlet durable, off the event loop."""

    @property
    def failure(self) -> StoreError | None:
        """Why the store cannot be used any more, if it cannot; the sidecar then ends."""
        ...

    def apply(self, delta: Any) -> None:
        """Apply a delta: all of it or nothing. A delta that was applied before changes nothing. Raises StoreError."""
        ...

    def close(self) -> None: ...


class DurableOutlet(Outlet, DeltaStore, Protocol):
    """An outlet that is its own store."""


class OutletOptions(Protocol):
    """The options of an outlet, as the configuration has them; they can be compared and hashed."""

    def open(self, folder: str | None, delta: Any, is_new: bool) -> DurableOutlet:  # noqa: FBT001
        """Return the outlet, which has applied the delta of the restored snapshot.

        `folder` is the state folder, if there is one. `delta` is as msgspec decodes it without types, None if there was
        none. `is_new` says that counters start at zero. Raises StoreError and msgspec.ValidationError.
        """
        ...
