"""The progress bar and the output file of a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from exporter.offline import OfflineError
from exporter.offline.tables.data_set import Progress


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield a function that shows progress on standard error, if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def make_folder(path: Path) -> None:
    """Make a folder, if it does not exist; raises OfflineError."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OfflineError(f"--by-model {path}: {error.strerror}") from None


def write_new(data: bytes, path: Path, *, force: bool) -> None:
    """Write a file that does not exist yet, or any with `force`; raises OfflineError."""
    if force:
        write(data, path)
        return
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise OfflineError(f"--output {path}: exists; --force overwrites it") from None
    except OSError as error:
        raise OfflineError(f"--output {path}: {error.strerror}") from None


def write(data: bytes, path: Path) -> None:
    """Write a file completely or not at all, so that a sidecar never reads half a profile; raises OfflineError."""
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_bytes(data)  # A pipe, or a link such as /dev/stdout, which must stay one.
            return
        new = path.with_name(f".{path.name}.new")
        try:
            new.write_bytes(data)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise OfflineError(f"--output {path}: {error.strerror}") from None
