"""Writes the profile whole or not at all, so that a sidecar never reads half of one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from exporter.profiling.errors import ProfilingError
from exporter.reference import profile_file
from exporter.reference.profile import Profile


def write(made: Profile, path: Path) -> int:
    """Write a profile and return its size in bytes; raises ProfilingError."""
    data = profile_file.dump(made)
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_bytes(data)  # a pipe; or /dev/stdout, which is a link, and must stay one
        else:
            _replace(path, data)
    except OSError as error:
        raise ProfilingError(f"--output {path}: {error.strerror}") from None
    return len(data)


def _replace(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(data)
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
