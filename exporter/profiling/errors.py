"""What a user can get wrong."""

from __future__ import annotations


class ProfilingError(Exception):
    """No profile can be made; the message says why in one line: where, and what was expected."""
