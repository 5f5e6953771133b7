"""The durable state of an exporter: its checkpoint, and the stores of deltas that are committed with it.

Without a state folder, everything is in memory and nothing is restored.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from exporter.state.checkpoint import CheckpointFolder
from exporter.state.outlet import DeltaStore
from exporter.state.snapshot import Snapshot
from exporter.store_error import StoreError
from exporter.telemetry import Telemetry

log = structlog.get_logger()


S = TypeVar("S", bound=DeltaStore)
# As OutletOptions.open.
Open = Callable[[str | None, Any, bool], S]


class DurableState:
    """The checkpoint in a folder, and the stores that are opened; `restored` is the snapshot that was found.

    Raises StoreError where the folder cannot be used.
    """

    def __init__(self, folder: str | None, telemetry: Telemetry) -> None:
        self._folder = folder
        self._telemetry = telemetry
        self._stores: dict[str, DeltaStore] = {}
        self._checkpoint: CheckpointFolder | None = None
        self.restored: Snapshot | None = None
        if folder:
            with _os_errors():
                self._checkpoint = CheckpointFolder(Path(folder))
            loaded = self._checkpoint.load()
            self.restored = loaded.snapshot
            telemetry.recoveries.labels(loaded.generation).inc()
            for problem in loaded.problems:
                log.error("damaged checkpoint", problem=problem, using=loaded.generation)

    def open(self, name: str, open_store: Open[S]) -> S:
        """Open a store, to which the deltas of the outlet `name` are applied from now on. Raises StoreError."""
        delta = self.restored.deltas.get(name) if self.restored else None
        try:
            with _os_errors():
                store = open_store(self._folder, delta, self.restored is None)
        except msgspec.ValidationError as error:
            reason = f"the changes of {name} in the checkpoint are not valid: {error}"
            raise StoreError(f"{reason}; move it away to start counters at zero", self._folder) from None
        if self.restored:
            rest = {other: delta for other, delta in self.restored.deltas.items() if other != name}
            self.restored = msgspec.structs.replace(self.restored, deltas=rest)
        self._stores[name] = store
        return store

    @property
    def has_stores(self) -> bool:
        """Whether there are stores besides the checkpoint."""
        return bool(self._stores)

    @property
    def failure(self) -> StoreError | None:
        """Why the exporter cannot continue, if it cannot."""
        return next((store.failure for store in self._stores.values() if store.failure), None)

    def save(self, snapshot: Snapshot) -> None:
        """Save a snapshot, and then apply its deltas; a restart in between applies them. Raises StoreError."""
        with _os_errors():
            if self._checkpoint:
                self._telemetry.checkpoint_bytes.set(self._checkpoint.save(snapshot))
            for name, store in self._stores.items():
                store.apply(snapshot.deltas[name])

    def close(self) -> None:
        """Close the stores, and unlock the folder."""
        for store in self._stores.values():
            store.close()
        if self._checkpoint:
            self._checkpoint.close()


@contextmanager
def _os_errors() -> Iterator[None]:
    """Raise StoreError for errors of the operating system."""
    try:
        yield
    except OSError as error:
        raise StoreError(error.strerror or str(error), error.filename) from None
