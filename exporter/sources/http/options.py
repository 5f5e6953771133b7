"""The options of sources that clients POST to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from exporter.sources.http.source import HttpSource
from exporter.sources.source import SourceContext, SourceOptions
from exporter.sources.url import SourceUrl, split
from exporter.units import FilePath, Positive, Size

# Paths of the exporter's own, and those below them.
RESERVED = ("/-/", "/metrics", "/api/")


class HttpUrl(SourceUrl):
    """http:///PATH, on the address that serves metrics."""

    __slots__ = ("path",)
    path: str

    @classmethod
    def parse(cls, text: str) -> HttpUrl:
        """Raises ValueError with what was expected."""
        url = cls(text)
        url.path = split(text)[1]
        if not re.fullmatch(r"(/[\w.~-]+)+", url.path, re.ASCII):
            raise ValueError(f"expected http:///PATH, such as http:///v1/predictions, got {text!r}")
        return url

    @property
    def place(self) -> str:
        return self.path


class HttpOptions(SourceOptions, frozen=True, kw_only=True):
    """POST requests to a path of the address that serves metrics."""

    scheme: ClassVar[str] = "http"
    example: ClassVar[str] = "http:///v1/predictions"
    carries_streams: ClassVar[bool] = True

    url: HttpUrl
    """The path that clients POST to, on the address of `/metrics`."""
    body_bytes: Size = Size(8 * 1024**2)
    """The largest body of a POST, as sent and unpacked; a larger one gets a 413 response."""
    requests: Positive = 32
    """How many requests may be in progress; further ones get a 429 response."""
    token_file: FilePath | None = None
    """A file with the token that clients send as `Authorization: Bearer …`."""

    def make(self, context: SourceContext) -> HttpSource:
        token = Path(self.token_file) if self.token_file else None
        return HttpSource(context, self.url.path, self.body_bytes, self.requests, token)

    def problems(self) -> Iterator[str]:
        if f"{self.url.path}/".startswith(RESERVED) or self.url.path.startswith("/metrics"):
            yield f"url: {self.url.path} is a path of the exporter's own"
        if self.token_file and (problem := unreadable(self.token_file)):
            yield f"token_file: {self.token_file}: {problem}"


def unreadable(secret: FilePath) -> str | None:
    """Return why a file with a secret cannot be read, if it cannot."""
    try:
        return None if Path(secret).read_bytes().strip() else "it is empty"
    except OSError as error:
        return error.strerror
