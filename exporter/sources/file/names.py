"""The names of rotated files and copies: what they add to the name of a log."""

import os
import re
from collections.abc import Iterable, Iterator

from exporter.sources.file.handle import GZIP_SUFFIX

YEAR_DIGITS = 4
SEPARATORS = ".-_ ~("


def originals(path: str) -> Iterator[str]:
    """Yield the paths of the logs of which a path may be a rotated file or a copy.

    Its name has something added before, within or after the log's name, set off by a separator or a digit; it is in the
    log's folder, or in one below.

    >>> "app.jsonl" in originals("app-2024.jsonl"), "pod-1.jsonl" in originals("pod-12.jsonl")
    (True, False)
    """
    folder, name = os.path.split(path)
    names = dict.fromkeys(_without_additions(name))
    for place in (folder, os.path.dirname(folder)) if folder else ("",):
        for original in names if place == folder else (name, *names):
            yield os.path.join(place, original)


def _without_additions(name: str) -> Iterator[str]:
    dots = [at for at, char in enumerate(name) if char == "."]
    for end in range(len(name) - 1, 0, -1):
        if not _is_boundary(name, end):
            continue
        yield name[:end]
        for dot in dots:
            if dot > end:
                yield name[:end] + name[dot:]
    for start in range(1, len(name)):
        if name[start - 1] in SEPARATORS:
            yield name[start:]


def _is_boundary(name: str, at: int) -> bool:
    """Return whether an addition may start at an index."""
    return name[at] in SEPARATORS or (name[at].isdigit() and not name[at - 1].isdigit())


def is_rotated(path: str, other: str) -> bool:
    """Return whether a name is that of a log with a number added, or with another number, compressed or not."""
    names = os.path.basename(path), os.path.basename(other.removesuffix(GZIP_SUFFIX))
    return added_number(log_names(path), other) is not None or shape(names[0]) == shape(names[1])


def log_names(path: str) -> tuple[str, ...]:
    """Return a log's names: its own, and that of the file it links to."""
    return tuple(dict.fromkeys((os.path.basename(path), os.path.basename(os.path.realpath(path)))))


def added_number(logs: Iterable[str], rotated: str) -> tuple[str, list[int]] | None:
    """Return what a rotated file's name adds to one of the log's: its shape, and numbers that grow with time.

    >>> added_number(["app.jsonl"], "app.jsonl.2.gz"), added_number(["app.jsonl"], "app-20240131.jsonl")
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
            return shape(added), [sign * int(number) for number in numbers]
    return None


def shape(name: str) -> str:
    """Return a name with each number replaced by `#`."""
    return re.sub(r"[0-9]+", "#", name)
