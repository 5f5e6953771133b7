"""Writes the profile whole or not at all, so that a sidecar never reads half of one."""

from __future__ import annotations

from pathlib import Path

from exporter import profile
from exporter.profile import Profile
from exporter.profiling.errors import ProfilingError


def write(made: Profile, path: Path) -> int:
    """Write a profile and return its size in bytes; raises ProfilingError."""
    data = profile.dump(made)
    new = path.with_name(f".{path.name}.new")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a pipe, or /dev/stdout
        else:
            new.write_bytes(data)
            new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise ProfilingError(f"--output {path}: {error.strerror}") from None
    return len(data)
