"""The URLs of sources, as users write them; the URL names the source."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from exporter.units import Listen


def split(text: str) -> tuple[str, str]:
    """Return the scheme and the rest of a URL; a path alone has the scheme `file`."""
    scheme, separator, rest = text.partition("://")
    return (scheme, rest) if separator else ("file", text)


class SourceUrl(str):
    """A URL as the user wrote it. Two sources cannot have the same `place`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> SourceUrl:
        """Raises ValueError with what was expected."""
        raise NotImplementedError

    @property
    def place(self) -> str:
        return self


class PathUrl(SourceUrl):
    """A URL of a path in the file system, which may be relative to the configuration's folder."""

    __slots__ = ("path",)
    path: str

    @classmethod
    def parse(cls, text: str) -> PathUrl:
        scheme, path = split(text)
        if not path:
            raise ValueError(f"expected {scheme}:///PATH, got {text!r}")
        return cls.at(text, path)

    @classmethod
    def at(cls, text: str, path: str) -> Self:
        """Return the URL `text` of a path."""
        url = cls(text)
        url.path = path
        return url

    @property
    def place(self) -> str:
        return self.path

    def below(self, folder: Path) -> PathUrl:
        """Return the same URL with a relative path taken from `folder`."""
        return self.at(self, str(folder / self.path))


class SocketUrl(SourceUrl):
    """tcp://HOST:PORT or udp://HOST:PORT."""

    __slots__ = ("address",)
    address: Listen

    @classmethod
    def parse(cls, text: str) -> SocketUrl:
        url = cls(text)
        url.address = Listen.parse(split(text)[1])
        return url

    @property
    def place(self) -> str:
        return f"{split(self)[0]}://{self.address.host}:{self.address.port}"
