"""What all sources that listen on a socket do alike."""

from __future__ import annotations

import socket
from collections.abc import Callable

from exporter.sources import SourceError

# How long what was sent may be on its way.
QUIET_SECONDS = 0.05


def bound(name: str, bind: Callable[[], socket.socket]) -> socket.socket:
    """Return the bound socket of a source; raises SourceError."""
    try:
        return bind()
    except (OSError, LookupError) as error:
        raise SourceError(f"{name}: {getattr(error, 'strerror', None) or error}") from None
