"""What replaces a file, or writes it again, and keeps its content."""

import shutil
import subprocess
from pathlib import Path


def rename_a_copy(path: Path) -> None:
    """Replace a file by a copy of it, as editors do."""
    copy = path.with_name("copy.tmp")
    shutil.copyfile(path, copy)
    copy.rename(path)


def synchronize(path: Path) -> None:
    """Replace a file by a copy that has the same time and first a hidden name, as rsync does."""
    hidden = path.with_name(f".{path.name}.Ab3xYz")
    shutil.copy2(path, hidden)
    hidden.rename(path)


def edit(path: Path) -> None:
    """Run sed -i without a change."""
    subprocess.run(["sed", "-i", "s/^/&/", path], check=True)


def restore(path: Path) -> None:
    """Delete a file and write it again, perhaps to the same inode."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


def write_over(path: Path) -> None:
    """Write the same content into the same file."""
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(content)
