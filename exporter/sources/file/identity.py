"""Is the file at this path still the one that was being read, and what is to be done.

An inode number alone is reused, a first line alone repeats, a size alone is outgrown. A file is the same when
device and inode are, it is not shorter than what was read, and its first bytes and the ones just before the
offset hash as they did. A device number may change over a reboot while the rest holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Decision(Enum):
    """What to do with a file that was being read."""

    CONTINUE = "continue"  # the same file, with more to read
    WAIT = "wait"  # nothing new, or nothing there
    RESTART = "restart"  # the same inode with other content: truncated
    REOPEN = "reopen"  # another file has taken its place: rotated


@dataclass(frozen=True, slots=True)
class Known:
    """The file that was being read, and how far."""

    device: int
    inode: int
    offset: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What is at the path now. `head_matches` and `context_matches` compare it with what was read."""

    device: int
    inode: int
    size: int
    head_matches: bool
    context_matches: bool


def decide(known: Known, seen: Seen | None) -> Decision:
    """Compare the file that was read with what is at its path (None: nothing is)."""
    if seen is None:
        return Decision.WAIT
    if seen.inode != known.inode:
        return Decision.REOPEN
    content_matches = seen.size >= known.offset and seen.head_matches and seen.context_matches
    if not content_matches:
        return Decision.RESTART if seen.device == known.device else Decision.REOPEN
    return Decision.WAIT if seen.size == known.offset else Decision.CONTINUE
