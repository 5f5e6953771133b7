"""The files of a data set: one, or those of a folder."""

from pathlib import Path


def within(path: Path) -> list[Path]:
    """Return a file, or those in a folder as Spark writes them; what it hides begins with _ or a dot."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith(("_", ".")))
