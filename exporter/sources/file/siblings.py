"""The other files in a log's folder, among which a rotated file is found again."""

import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from exporter.sources.file.handle import GZIP_SUFFIX, Key, key_of

MAX_SIBLINGS = 1000
YEAR_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Sibling:
    """A regular file in the same folder; `modified` is in nanoseconds."""

    path: str
    key: Key
    modified: int

    @property
    def is_zipped(self) -> bool:
        return self.path.endswith(GZIP_SUFFIX)


def siblings(path: str, suits: Callable[[str], bool] = lambda _: True) -> list[Sibling]:
    """Return the other files in a path's folder, and in the folder that it links to, whose names suit.

    They are the newest MAX_SIBLINGS files, newest first.
    """
    found = {}
    for folder in dict.fromkeys((os.path.dirname(path), os.path.dirname(os.path.realpath(path)))):
        for entry in _entries(folder or "."):
            try:
                entry.name.encode()
                # By name first, because many logs may rotate at once in one folder.
                if entry.name == os.path.basename(path) or not suits(entry.name):
                    continue
                if not entry.is_file(follow_symlinks=False):
                    continue
                status = entry.stat(follow_symlinks=False)
            except (OSError, UnicodeEncodeError):
                # The file is gone since the folder was listed, or its name cannot be logged.
                continue
            found[key_of(status)] = Sibling(os.path.join(folder, entry.name), key_of(status), status.st_mtime_ns)
    return sorted(found.values(), key=lambda sibling: sibling.modified, reverse=True)[:MAX_SIBLINGS]


def is_rotated(path: str, other: str) -> bool:
    """Return whether a name is that of a log with a number added, or with another number, compressed or not."""
    names = os.path.basename(path), os.path.basename(other.removesuffix(GZIP_SUFFIX))
    return _number(_names(path), other) is not None or _shape(names[0]) == _shape(names[1])


def rotated_between(path: str, first: Key, last: Key | None, since: int = 0) -> list[list[Sibling]]:
    """Return the files that were at `path` after the first file, and were rotated as it was; oldest first.

    Each is a list with a plain and a compressed file, in this order, if there are both.

    If the last file was rotated too, files after it are left out. A file qualifies if its name differs from the first
    one's only in a number, and its time is `since` (by default the first file's own) or later. Both are required,
    because an older file was read before.
    """
    logs = _names(path)
    among = siblings(path, lambda name: _number(logs, name) is not None)
    numbers = {other.key: number for other in among if (number := _number(logs, other.path))}
    if first not in numbers:
        return []
    shape, low = numbers[first]
    high = numbers[last][1] if last and last in numbers else [sys.maxsize]
    begin = next(other for other in among if other.key == first)
    # Not every compressor keeps the time; names that contain dates are enough without it.
    is_enough = begin.is_zipped and max(low) > 0
    since = -1 if is_enough else since or begin.modified
    between = [other for other in among if other.key in numbers and other.modified >= since]
    between = [other for other in between if numbers[other.key][0] == shape and low < numbers[other.key][1] < high]
    between.sort(key=lambda other: (numbers[other.key][1], other.is_zipped))
    return [list(names) for _, names in groupby(between, key=lambda other: numbers[other.key][1])]


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _names(path: str) -> tuple[str, ...]:
    """Return a log's names: its own, and that of the file it links to."""
    return tuple(dict.fromkeys((os.path.basename(path), os.path.basename(os.path.realpath(path)))))


def _number(logs: Iterable[str], rotated: str) -> tuple[str, list[int]] | None:
    """Return what a rotated file's name adds to one of the log's: its shape, and numbers that grow with time.

    >>> _number(["app.jsonl"], "app.jsonl.2.gz"), _number(["app.jsonl"], "app-20240131.jsonl")
    (('.#', [-2]), ('-#.jsonl', [20240131]))
    """
    name = os.path.basename(rotated).removesuffix(GZIP_SUFFIX)
    for log in logs:
        stem, suffix = os.path.splitext(log)
        if name.startswith(log):
            added = name.removeprefix(log)
        elif name.startswith(stem) and name.endswith(suffix):
            added = name.removeprefix(stem)
        else:
            continue
        numbers = re.findall(r"[0-9]+", added)
        if numbers:
            # Dates and times count up; the usual rotation's 1, 2, 3 are ages.
            sign = 1 if max(map(len, numbers)) >= YEAR_DIGITS else -1
            return _shape(added), [sign * int(number) for number in numbers]
    return None


def _shape(name: str) -> str:
    return re.sub(r"[0-9]+", "#", name)
