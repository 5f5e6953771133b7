"""The options of sources that tail files."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from typing import ClassVar, Literal

from exporter.sources.file.source import FileSource
from exporter.sources.source import SourceContext, SourceOptions
from exporter.sources.url import PathUrl


class FileOptions(SourceOptions, frozen=True, kw_only=True):
    """Files that match a pattern."""

    scheme: ClassVar[str] = "file"
    example: ClassVar[str] = "file:///var/log/model/*.jsonl"

    url: PathUrl
    """A path or file:// URL, which may contain `*`, `?` and `[…]`."""
    start: Literal["beginning", "end"] = "beginning"
    """`end` skips what a file holds when it is first seen at a start."""

    def make(self, context: SourceContext) -> FileSource:
        return FileSource(context, self.url.path, from_end=self.start == "end")

    def notes(self) -> Iterator[str]:
        if not glob.glob(self.url.path):
            yield f"url: nothing matches {self.url.path} yet"
