"""The one place that chooses a store: in a SQLite file if there is a state folder, and otherwise in memory."""

from pathlib import Path
from typing import Any

import msgspec

from exporter.joins import sqlite_store
from exporter.joins.memory_store import MemoryStore
from exporter.joins.store import Store, StoreDelta


def open_store(folder: str | None, delta: Any, is_new: bool) -> Store:  # noqa: FBT001
    """Return the store for a state folder, which has applied the delta of the restored snapshot, if there is one.

    If `is_new`, counters start at zero, and the store is empty. Raises StoreError and msgspec.ValidationError.
    """
    restored = None if delta is None else msgspec.convert(delta, StoreDelta)
    return sqlite_store.open_store(Path(folder), restored, is_new=is_new) if folder else MemoryStore()
