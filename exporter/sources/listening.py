"""What all sources that listen on a socket do alike."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from exporter.sources import SourceError

QUIET_SECONDS = 0.05


def bound(name: str, bind: Callable[[], socket.socket]) -> socket.socket:
    """Return the bound socket of a source; raises SourceError."""
    try:
        return bind()
    except (OSError, LookupError) as error:
        raise SourceError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


async def until_quiet(received: Callable[[], int], is_over: Callable[[], bool]) -> None:
    """Wait until nothing more is received for a moment, or it is over."""
    before = -1
    while received() != before and not is_over():
        before = received()
        await asyncio.sleep(QUIET_SECONDS)
