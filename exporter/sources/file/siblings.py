"""The other files in a log's folder, among which a rotated file or a copy is found again."""

import errno
import os
import sys
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, islice

from exporter.lines.framing import Digest
from exporter.sources.file.handle import GZIP_SUFFIX, Key, key_of, open_regular
from exporter.sources.file.names import added_number, log_names

# How many files whose names are unlike a log's are searched for its copy: the newest.
MAX_OTHERS = 1000
# How many folders below a log's are searched, because rotated files may be moved there.
MAX_FOLDERS = 100
# What logrotate adds to the name of a log that is there again before it has created a new one.
BACKUP_SHAPE = "-#.backup"
# The least time between two listings of a folder that takes longer than this, as a multiple of how long it takes.
QUICK_SECONDS = 0.002
LISTING_PAUSE = 10
# A folder may change without a new time of change this soon after its last one.
TICK_NANOSECONDS = 50_000_000


# What the names of rotated files add to the log's, by key.
Numbers = dict[Key, tuple[str, list[int]]]


class ChangingError(OSError):
    """A folder was listed a moment ago, and has changed since."""

    def __init__(self, folder: str) -> None:
        super().__init__(errno.EAGAIN, "The folder is changing", folder)


@dataclass(frozen=True, slots=True)
class Sibling:
    """A regular file in the same folder, or in one below.

    `modified` and `changed` are in nanoseconds; anybody can set the former, but the latter only to a later time.
    """

    path: str
    key: Key
    modified: int
    changed: int

    @property
    def is_zipped(self) -> bool:
        return self.path.endswith(GZIP_SUFFIX)


class Listing:
    """The regular files in a folder, by name with their inodes, and its folders, at one moment. Raises OSError."""

    def __init__(self, folder: str) -> None:
        begin = time.thread_time()
        self.folder = folder
        self.modified = os.stat(folder or ".").st_mtime_ns
        self.is_settled = time.time_ns() - self.modified > TICK_NANOSECONDS
        self.inodes: dict[str, int] = {}
        self.folders: list[str] = []
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    self.inodes[entry.name] = entry.inode()
                elif entry.is_dir(follow_symlinks=False):
                    self.folders.append(os.path.join(folder, entry.name))
        took = time.thread_time() - begin
        self.due = time.monotonic() + (LISTING_PAUSE * took if took > QUICK_SECONDS else 0.0)

    def is_current(self) -> bool:
        """Return whether the folder has not changed since."""
        with suppress(OSError):
            return self.is_settled and os.stat(self.folder or ".").st_mtime_ns == self.modified
        return False

    def with_inode(self, inode: int) -> Iterator[Sibling]:
        """Yield the files with an inode number."""
        return self._files(self._by_inode[inode])

    def starting_with(self, start: str) -> Iterator[Sibling]:
        """Yield the files whose names start alike."""
        names = self._names
        return self._files(names[bisect_left(names, start) : bisect_left(names, start + "\U0010ffff")])

    @cached_property
    def newest(self) -> list[Sibling]:
        """The newest files."""
        return sorted(self._files(self.inodes), key=lambda file: file.modified, reverse=True)[:MAX_OTHERS]

    def beginning_with(self, head: Digest) -> list[Sibling]:
        """Return the newest files that begin with some bytes."""
        if head.length not in self._heads:
            by_head = self._heads[head.length] = defaultdict(list)
            for file in self.newest:
                with suppress(OSError), closing(open_regular(file.path)) as handle:
                    by_head[Digest.of(handle.read(head.length, 0))].append(file)
        return self._heads[head.length][head]

    @cached_property
    def _heads(self) -> dict[int, defaultdict[Digest, list[Sibling]]]:
        return {}

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self.inodes)

    @cached_property
    def _by_inode(self) -> defaultdict[int, list[str]]:
        names = defaultdict(list)
        for name, inode in self.inodes.items():
            names[inode].append(name)
        return names

    def _files(self, names: Iterable[str]) -> Iterator[Sibling]:
        for name in names:
            path = os.path.join(self.folder, name)
            try:
                path.encode()
                status = os.lstat(path)
            except (OSError, UnicodeEncodeError):
                # The file is gone since the folder was listed, or its name cannot be logged.
                continue
            times = status.st_mtime_ns, status.st_ctime_ns
            yield Sibling(path, key_of(status), times[0], max(times))


@dataclass
class Siblings:
    """Finds the other files of logs; a folder is listed again only if it has changed, and not all the time.

    All methods raise ChangingError if that has to wait.
    """

    _listings: dict[str, Listing] = field(default_factory=dict)

    def with_inode(self, path: str, inode: int) -> list[Sibling]:
        """Return the files with an inode number."""
        return _once(path, (file for listing in self._around(path) for file in listing.with_inode(inode)))

    def named_like(self, path: str) -> list[Sibling]:
        """Return the files whose names start like a log's, newest first."""
        starts = {os.path.splitext(name)[0] for name in log_names(path)}
        files = (file for listing in self._around(path) for start in starts for file in listing.starting_with(start))
        return sorted(_once(path, files), key=lambda file: file.modified, reverse=True)

    def beginning_with(self, path: str, head: Digest) -> list[Sibling]:
        """Return the newest files that begin with some bytes, whatever their names, newest first."""
        return _once(path, (file for listing in self._in(path) for file in listing.beginning_with(head)))

    def have_changed(self, path: str) -> bool:
        """Return whether a log's folder, or one below, may have changed since it was listed."""
        folders = _folders(path)
        return any(
            (folder in folders or os.path.dirname(folder) in folders) and not listing.is_current()
            for folder, listing in self._listings.items()
        )

    def forget(self) -> None:
        """Free the memory of the listings."""
        self._listings.clear()

    def _in(self, path: str) -> list[Listing]:
        return [listing for folder in _folders(path) if (listing := self._listing(folder))]

    def _around(self, path: str) -> list[Listing]:
        listings = self._in(path)
        below = islice((folder for listing in listings for folder in listing.folders), MAX_FOLDERS)
        return listings + [listing for folder in below if (listing := self._listing(folder))]

    def _listing(self, folder: str) -> Listing | None:
        listing = self._listings.get(folder)
        if listing is not None and listing.is_current():
            return listing
        if listing is not None and time.monotonic() < listing.due:
            raise ChangingError(folder)
        try:
            listing = self._listings[folder] = Listing(folder)
        except OSError:
            return None
        return listing


def rotated_between(siblings: Siblings, path: str, first: Key, last: Key | None, since: int = 0) -> list[list[Sibling]]:
    """Return the files that were at `path` after the first file, and were rotated as it was; oldest first.

    Each is a list with a plain and a compressed file, in this order, if there are both.

    If the last file was rotated too, files after it are left out. A file qualifies if its name differs from the first
    one's only in a number, and its time is `since` (by default the first file's own) or later. Both are required,
    because an older file was read before.
    """
    among, numbers = _numbered(siblings, path)
    if first not in numbers:
        return []
    shape, low = numbers[first]
    high = numbers[last][1] if last and last in numbers else [sys.maxsize]
    begin = next(other for other in among if other.key == first)
    # Not every compressor keeps the time; names that contain dates are enough without it.
    is_enough = begin.is_zipped and max(low) > 0
    since = -1 if is_enough else since or begin.modified
    between = [other for other in among if other.modified >= since]
    between = [other for other in between if numbers[other.key][0] == shape and low < numbers[other.key][1] < high]
    backups = [
        other for other in among if numbers[other.key][0] == BACKUP_SHAPE != shape and other.modified >= begin.modified
    ]
    return _by_number(between, numbers) + _by_number(backups, numbers)


def rotated_since(siblings: Siblings, path: str, since: int) -> list[list[Sibling]]:
    """Return the files that were rotated from a path and modified after a time in nanoseconds; oldest first.

    Each is a list with a plain and a compressed file, in this order, if there are both.
    """
    among, numbers = _numbered(siblings, path)
    return _by_number([other for other in among if other.modified > since], numbers)


def _folders(path: str) -> tuple[str, ...]:
    """Return the folders of a log, and of the file it links to."""
    folder, linked = os.path.dirname(path), os.path.dirname(os.path.realpath(path))
    return (folder,) if os.path.realpath(folder) == linked else (folder, linked)


def _numbered(siblings: Siblings, path: str) -> tuple[list[Sibling], Numbers]:
    """Return the files whose names add a number to a log's, newest first, and what each adds, by key."""
    logs = log_names(path)
    found = [(other, added_number(logs, other.path)) for other in siblings.named_like(path)]
    return [other for other, added in found if added], {other.key: added for other, added in found if added}


def _by_number(files: list[Sibling], numbers: Numbers) -> list[list[Sibling]]:
    def number(file: Sibling) -> list[int]:
        return numbers[file.key][1]

    return [list(names) for _, names in groupby(sorted(files, key=lambda file: (number(file), file.is_zipped)), number)]


def _once(path: str, files: Iterable[Sibling]) -> list[Sibling]:
    """Return the files without duplicates, and without the one at the path itself."""
    return list({file.key: file for file in files if file.path != path}.values())
