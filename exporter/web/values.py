"""Types of values in a web configuration: secrets, hashes, intervals, headers."""

from __future__ import annotations

import re

from exporter.units import Duration


class Secret(str):
    """Text that is not shown in messages."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'<secret>'"

    @classmethod
    def parse(cls, text: object) -> Secret:
        """Return the text as a secret. Raises ValueError, without the text."""
        if isinstance(text, str):
            return cls(text)
        raise ValueError("expected text, got something else")


class BcryptHash(Secret):
    """A bcrypt hash, as written by htpasswd -B."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> BcryptHash:
        """Return the hash. Raises ValueError, without the text, which may be a password."""
        found = re.fullmatch(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", text) if isinstance(text, str) else None
        if found and 4 <= int(found[1]) <= 31:  # noqa: PLR2004  # the limits of bcrypt
            return cls(text)
        raise ValueError("expected a bcrypt hash as written by `htpasswd -nBC 10 USER`, got something else")

    @property
    def cost(self) -> int:
        return int(self[4:6])


class Interval(float):
    """Seconds between two requests, from a duration; 0 is no limit."""

    @classmethod
    def parse(cls, text: object) -> Interval:
        """Return the value. Raises ValueError with what was expected."""
        return cls(0) if text in (0, "0", "0s") else cls(Duration.parse(text).seconds)


class HeaderValue(str):
    """The value of a header."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> HeaderValue:
        """Return the value. Raises ValueError with what was expected."""
        if isinstance(text, str) and text.isascii() and (text.isprintable() or not text):
            return cls(text)
        raise ValueError(f"expected text in one line, got {text!r}")
