"""What a web configuration holds besides text and numbers: secrets, hashes, intervals, headers."""

from __future__ import annotations

import re

from exporter.units import Duration


class Secret(str):
    """Text that is never shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'<secret>'"

    @classmethod
    def parse(cls, text: object) -> Secret:
        """Raises ValueError, without the text."""
        if isinstance(text, str):
            return cls(text)
        raise ValueError("expected text, got something else")


class BcryptHash(Secret):
    """A bcrypt hash as htpasswd -B makes it."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> BcryptHash:
        """Raises ValueError, without the text: it may be a password."""
        found = re.fullmatch(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", text) if isinstance(text, str) else None
        if found and 4 <= int(found[1]) <= 31:  # noqa: PLR2004  # bcrypt's own limits
            return cls(text)
        raise ValueError("expected a bcrypt hash such as `htpasswd -nBC 10 USER` makes, got something else")

    @property
    def cost(self) -> int:
        return int(self[4:6])


class Interval(float):
    """Seconds between two requests, from a duration; 0 is no limit."""

    @classmethod
    def parse(cls, text: object) -> Interval:
        """Raises ValueError with what was expected."""
        return cls(0) if text in (0, "0", "0s") else cls(Duration.parse(text).seconds)


class HeaderValue(str):
    """What a header may hold."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> HeaderValue:
        """Raises ValueError with what was expected."""
        if isinstance(text, str) and text.isascii() and (text.isprintable() or not text):
            return cls(text)
        raise ValueError(f"expected text in one line, got {text!r}")
