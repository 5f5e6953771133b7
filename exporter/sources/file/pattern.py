"""The paths that match a pattern."""

import fnmatch
import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

# Two changes within one tick of the file system's clock (2 s on some) leave the same time of change.
SETTLED_SECONDS = 3.0
# Folders are listed again after this time in any case, because some file systems never change a folder's time.
RELIST_SECONDS = 10.0


@dataclass
class _Matches:
    """The paths in a folder that match, listed at `listed`; the folder has `modified` since `since` or longer."""

    modified: int
    since: float
    listed: float
    paths: list[str]


@dataclass
class Pattern:
    """The paths that match a pattern; a folder that has not changed is not listed again.

    `has_changed` is whether a folder had to be listed for the last paths.
    """

    pattern: str
    has_changed: bool = False
    _listed: dict[tuple[str, str], _Matches] = field(default_factory=dict)

    def paths(self, now: float) -> list[str]:
        """Return the paths at monotonic time `now`, sorted."""
        self.has_changed = False
        return sorted(self._expand(self.pattern, now))

    def spelling(self, path: str) -> str | None:
        """Return how the pattern would name a file that has another name, such as an absolute one; else None."""
        folder, name = os.path.split(self.pattern)
        own = os.path.join(folder, os.path.basename(path))
        is_same_folder = os.path.realpath(folder) == os.path.realpath(os.path.dirname(path))
        return own if is_same_folder and _matcher(name).match(os.path.basename(path)) else None

    def _expand(self, pattern: str, now: float) -> Iterator[str]:
        folder, name = os.path.split(pattern)
        # The root is its own folder.
        folders = self._expand(folder, now) if glob.has_magic(folder) and folder != pattern else [folder]
        for parent in folders:
            if glob.has_magic(name):
                yield from self._matching(parent, name, now)
            elif os.path.lexists(path := os.path.join(parent, name)):
                yield path

    def _matching(self, folder: str, pattern: str, now: float) -> list[str]:
        before = self._listed.get((folder, pattern))
        try:
            modified = os.stat(folder or ".").st_mtime_ns
            if before and before.modified == modified:
                if before.listed - before.since >= SETTLED_SECONDS and now - before.listed < RELIST_SECONDS:
                    return before.paths
                since = before.since
            else:
                since = now
            names = os.listdir(folder or ".")
            self.has_changed = True
        except OSError:
            self._listed.pop((folder, pattern), None)
            return []
        matcher = _matcher(pattern)
        is_hidden = pattern.startswith(".")
        names = [name for name in names if matcher.match(name) and (is_hidden or not name.startswith("."))]
        paths = [os.path.join(folder, name) for name in sorted(names)]
        self._listed[folder, pattern] = _Matches(modified, since, now, paths)
        return paths


@lru_cache
def _matcher(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))
