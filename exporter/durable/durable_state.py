"""The durable state of a sidecar: its checkpoint, and with ground truth the store of what waits to be joined.

Without a state folder both are in memory, and nothing is restored.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from exporter.durable.checkpoint import Checkpoint
from exporter.durable.join_store import NAME, JoinStore, is_damage
from exporter.joins.join import Store
from exporter.joins.memory_store import MemoryStore
from exporter.tallies.snapshot import Snapshot
from exporter.telemetry import Telemetry

log = structlog.get_logger()


class DurableState:
    """The state in a folder, or in memory if there is none; `restored` is what was found.

    `identities` are those of checkpoint.Checkpoint. `joins` says whether predictions wait for ground truth.

    Raises checkpoint.LockedError and OSError where the state folder cannot be used.
    """

    def __init__(
        self, folder: Path | None, identities: Mapping[str, str], telemetry: Telemetry, *, joins: bool
    ) -> None:
        self._checkpoint: Checkpoint | None = None
        self.restored: Snapshot | None = None
        self._telemetry = telemetry
        if folder:
            self._checkpoint = Checkpoint(folder, identities)
            loaded = self._checkpoint.load()
            self.restored = loaded.snapshot
            telemetry.recoveries.labels(loaded.generation).inc()
            for problem in loaded.problems:
                log.error("damaged checkpoint", problem=problem, using=loaded.generation)
        self.store = _store(folder, self.restored) if joins else None

    @property
    def is_kept(self) -> bool:
        """Whether there is anything to save to."""
        return self._checkpoint is not None or self.store is not None

    @property
    def failure(self) -> str | None:
        """Why there is no going on, if there is not."""
        return self.store.failure if self.store else None

    def adopt(self, identities: Mapping[str, str]) -> None:
        """Save under other identities from now on."""
        if self._checkpoint:
            self._checkpoint.identities = identities

    def save(self, snapshot: Snapshot) -> Snapshot:
        """Make a snapshot durable, and then apply its changes to the store; a restart in between does the latter.

        Returns it with the store's counts as they are then. Raises OSError and sqlite3.Error.
        """
        if self._checkpoint:
            self._telemetry.checkpoint_bytes.set(self._checkpoint.save(snapshot))
        if self.store and snapshot.joins:
            self.store.apply(snapshot.joins)
            return replace(snapshot, waited=self.store.waited)
        return snapshot

    def close(self) -> None:
        """Let go of the folder."""
        if self.store:
            self.store.close()
        if self._checkpoint:
            self._checkpoint.close()


def _store(folder: Path | None, restored: Snapshot | None) -> Store:
    """Open the store as of the restored snapshot; one that is damaged is put aside. Raises OSError."""
    if folder is None:
        return MemoryStore()
    if restored and restored.joins and not (folder / NAME).exists():
        log.warning("the store of what waits to be joined is gone; it begins empty", file=str(folder / NAME))
    try:
        return _brought_up(folder, restored)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise OSError(errno.EIO, str(error), str(folder / NAME)) from None
        log.error("damaged store of what waits to be joined; it is put aside and begun anew", problem=str(error))
    JoinStore.put_aside(folder)
    return _brought_up(folder, restored)


def _brought_up(folder: Path, restored: Snapshot | None) -> JoinStore:
    store = JoinStore(folder)
    try:
        if restored is None:
            # What was counted begins anew, and so does what was joined.
            store.clear()
        elif restored.joins:
            store.apply(restored.joins)
    except sqlite3.Error:
        store.close()
        raise
    return store
