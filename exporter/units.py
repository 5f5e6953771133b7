"""Types of values in the configuration: durations, sizes, bounds, paths and addresses."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, time, tzinfo
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Positive = Annotated[int, msgspec.Meta(gt=0)]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
MAX_PORT = 65535
# Three thousand years.
MAX_SECONDS = 1e11
# A window is compared with itself at most this many windows ago: a week ago for a window of an hour.
MAX_WINDOWS_AGO = 200
# More than one line or request should take of a sidecar's memory.
MAX_SIZE = 1024**3
# A key, an index or [*], and a key in quotes.
PATH_STEP = re.compile(r"""([^.\[\]]+)|\[(?:(\*|-?\d{1,9})|"([^"]+)"|'([^']+)')\]""", re.ASCII)
PATH_KEY = re.compile(r"[^.\[\]]+")
_BYTES = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


class Duration(str):
    """A duration as Prometheus writes it: 30s, 5m, 24h or 1h30m."""

    __slots__ = ("seconds",)
    seconds: float

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Raises ValueError with what was expected."""
        if isinstance(text, str) and re.fullmatch(r"([0-9]{1,12}(ms|[smhdw]))+", text):
            duration = cls(text)
            duration.seconds = sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"([0-9]+)(ms|[smhdw])", text))
            if 0 < duration.seconds <= MAX_SECONDS:
                return duration
        raise ValueError(f"expected a duration such as 30s, 5m or 24h, got {text!r}")

    def divided(self, by: int) -> Duration:
        """Return a fraction of the duration, rounded down to milliseconds.

        >>> Duration.parse("1h").divided(60), Duration.parse("23h59m59s999ms").divided(60)
        ('1m', '23m59s999ms')
        """
        rest = max(1, round(self.seconds * 1000) // by)
        spelt = ""
        for unit in ("h", "m", "s", "ms"):
            number, rest = divmod(rest, round(_SECONDS[unit] * 1000))
            spelt += f"{number}{unit}" if number else ""
        return Duration.parse(spelt)


class Before(str):
    """How long ago: a duration, or `previous` for the window just before the current one."""

    __slots__ = ("seconds",)
    seconds: float | None

    @classmethod
    def parse(cls, text: object) -> Before:
        """Raises ValueError with what was expected."""
        if text != "previous":
            try:
                seconds = Duration.parse(text).seconds
            except ValueError:
                raise ValueError(f"expected `previous` or a duration such as 1d, got {text!r}") from None
        before = cls(text)
        before.seconds = None if text == "previous" else seconds
        return before

    def of(self, window: Duration) -> float | None:
        """Return the seconds for a window; None if less than the window, or more than MAX_WINDOWS_AGO windows."""
        seconds = window.seconds if self.seconds is None else self.seconds
        return seconds if window.seconds <= seconds <= MAX_WINDOWS_AGO * window.seconds else None


class Size(int):
    """A number of bytes, such as 64KiB or 1MiB."""

    @classmethod
    def parse(cls, text: object) -> Size:
        """Raises ValueError with what was expected."""
        size = text if isinstance(text, int) and not isinstance(text, bool) else 0
        if isinstance(text, str) and (match := re.fullmatch(r"([0-9]{1,15}) ?([KMG]i?B|B|)", text)):
            size = int(match[1]) * _BYTES[match[2]]
        if 0 < size <= MAX_SIZE:
            return cls(size)
        raise ValueError(f"expected a size such as 64KiB or 1MiB, at most {MAX_SIZE // 1024**2}MiB, got {text!r}")


class Limit(float):
    """A number of at least 0; for seconds also a duration, such as 14h."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: Any) -> Limit:
        """Raises ValueError with what was expected."""
        try:
            limit = cls(Duration.parse(value).seconds if isinstance(value, str) else value)
        except (TypeError, ValueError, OverflowError):
            limit = cls("nan")
        if limit >= 0 and not isinstance(value, bool):
            return limit
        raise ValueError(f"expected a number of at least 0, or for seconds a duration such as 14h, got {value!r}")


class Day(str):
    """A calendar day in UTC, such as 2026-12-31; `end` is its end, in seconds since epoch."""

    __slots__ = ("end",)
    end: float

    @classmethod
    def parse(cls, value: object) -> Day:
        """Raises ValueError with what was expected."""
        try:
            parsed = date.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            parsed = None
        if parsed is None:
            raise ValueError(f"expected a date such as 2026-12-31, got {value!r}")
        day = cls(parsed.isoformat())
        day.end = datetime.combine(parsed, time.max, UTC).timestamp()
        return day


class Bounds(tuple[float, float]):
    """The least and the greatest valid value: [0, 120], or [0, null] without an upper bound."""

    __slots__ = ()

    @classmethod
    def parse(cls, pair: object) -> Bounds:
        """Raises ValueError with what was expected."""
        if isinstance(pair, list) and len(pair) == 2 and all(map(_is_bound, pair)):  # noqa: PLR2004  # two sides
            low, high = pair
            bounds = cls((-math.inf if low is None else float(low), math.inf if high is None else float(high)))
            if bounds[0] <= bounds[1]:
                return bounds
        raise ValueError(f"expected ascending bounds such as [0, 120], or [0, null] for no upper one, got {pair!r}")


class Ascending(tuple[float, ...]):
    """Finite, ascending numbers, such as the upper bounds of a histogram's buckets."""

    __slots__ = ()

    @classmethod
    def parse(cls, numbers: object) -> Ascending:
        """Raises ValueError with what was expected."""
        if isinstance(numbers, list) and numbers and None not in numbers and all(map(_is_bound, numbers)):
            bounds = cls(map(float, numbers))
            if all(low < high for low, high in pairwise(bounds)):
                return bounds
        raise ValueError(f"expected ascending numbers such as [0.1, 0.5, 1], got {numbers!r}")


class Tails(tuple[float, float]):
    """A lower and an upper quantile: [0.01, 0.99]."""

    __slots__ = ()

    @classmethod
    def parse(cls, pair: object) -> Tails:
        """Raises ValueError with what was expected."""
        if isinstance(pair, list) and len(pair) == 2 and all(map(_is_bound, pair)) and None not in pair:  # noqa: PLR2004  # two sides
            low, high = map(float, pair)
            if 0 <= low < high <= 1:
                return cls((low, high))
        raise ValueError(f"expected two ascending quantiles such as [0.01, 0.99], got {pair!r}")


class FileMode(int):
    """The permissions of a file, in octal as for chmod: "0660"."""

    @classmethod
    def parse(cls, text: object) -> FileMode:
        """Raises ValueError with what was expected."""
        if isinstance(text, str) and re.fullmatch(r"0?[0-7]{3}", text):
            return cls(int(text, 8))
        raise ValueError(f'expected permissions in quotes such as "0660", got {text!r}')


class Listen(str):
    """An address to listen on, HOST:PORT. Port 0 chooses a free port."""

    __slots__ = ("host", "port")
    host: str
    port: int

    @classmethod
    def parse(cls, text: object) -> Listen:
        """Raises ValueError with what was expected."""
        if isinstance(text, str):
            host, colon, port = text.rpartition(":")
            if colon and port.isdecimal() and int(port) <= MAX_PORT:
                listen = cls(text)
                listen.host, listen.port = host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  # what ":9465" means
                return listen
        raise ValueError(f"expected an address such as 0.0.0.0:9465, got {text!r}")


class Each(Enum):
    """The step of a path to each item of a list."""

    ITEM = "[*]"


EACH = Each.ITEM
PathStep = str | int | Each


class FieldPath(tuple[PathStep, ...]):
    """The path of a value in a record: `timing.total`, or `.` for the record itself.

    `[0]` and `[-1]` are items of a list, `[*]` is each item, `["a.b"]` is a key with dots. A list of keys such as
    `[timing, a.b, 0]` is also a path.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> FieldPath:
        """Raises ValueError with what was expected."""
        if isinstance(text, str) and text:
            steps = _steps(text)
        elif isinstance(text, list) and text and all(type(key) in (str, int) for key in text):
            steps = [EACH if key == EACH.value else key for key in text]
        else:
            steps = [""]
        if "" in steps:
            raise ValueError(f"expected a path such as timing.total or items[0].label, or a list of keys, got {text!r}")
        if steps.count(EACH) > 1:
            raise ValueError(f"expected a path with at most one [*], got {text!r}")
        return cls(steps)

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The keys, if the path only consists of keys."""
        keys = tuple(step for step in self if isinstance(step, str))
        return keys if len(keys) == len(self) else None

    def __str__(self) -> str:
        spelt = "".join(
            f".{step}" if isinstance(step, str) and PATH_KEY.fullmatch(step) else _bracketed(step) for step in self
        )
        return spelt.removeprefix(".") or "."


def _bracketed(step: PathStep) -> str:
    return step.value if isinstance(step, Each) else f"[{json.dumps(step, ensure_ascii=False)}]"


def _steps(text: str) -> list[PathStep]:
    """Return the steps of a path that is written as text; an empty one if it is not a path."""
    if text == ".":
        return []
    if text.startswith("$"):
        raise ValueError(f"expected a path without $, such as {text.lstrip('$.') or 'timing.total'}, got {text!r}")
    steps: list[PathStep] = []
    at = 0
    while at < len(text):
        match = PATH_STEP.match(text, at if text[at] != "." or not steps else at + 1)
        if match is None or (steps and text[at] not in ".["):
            return [""]
        key, index, double, single = match.groups()
        quoted = double if double is not None else single
        steps.append(key or (quoted if quoted is not None else EACH if index == "*" else int(index)))
        at = match.end()
    return steps


class NamedGroups(str):
    """A regular expression in Python's syntax whose named groups are fields: `(?P<model>[a-z]+)-(?P<pod>[^/]+)`."""

    __slots__ = ("pattern",)
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, text: object) -> NamedGroups:
        """Raises ValueError with what was expected."""
        if not isinstance(text, str) or not text:
            raise ValueError(f"expected a regular expression such as (?P<pod>[^/]+), got {text!r}")
        groups = cls(text)
        try:
            groups.pattern = re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"expected a regular expression, got {text!r}: {error}") from None
        return groups

    def groups(self, match: re.Match[str]) -> dict[str, str]:
        """Return the named groups of a match that are not absent."""
        return {name: text for name, text in match.groupdict().items() if text is not None}


class TimeZone(str):
    """A time zone of the IANA database, such as Europe/Berlin."""

    __slots__ = ("zone",)
    zone: tzinfo

    @classmethod
    def parse(cls, text: object) -> TimeZone:
        """Raises ValueError with what was expected."""
        if isinstance(text, str) and text:
            name = cls(text)
            try:
                name.zone = UTC if text == "UTC" else ZoneInfo(text)
            except (ValueError, OSError, ZoneInfoNotFoundError):
                pass
            else:
                return name
        raise ValueError(f"expected a time zone such as Europe/Berlin, which this machine knows, got {text!r}")


class FilePath(str):
    """The path of a file or folder. Relative paths are relative to the configuration file."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> FilePath:
        """Raises ValueError with what was expected."""
        if isinstance(text, str) and text and "\0" not in text:
            return cls(text)
        raise ValueError(f"expected a path, got {text!r}")

    def below(self, folder: Path) -> FilePath:
        """Return the path, taken from `folder` if it is relative."""
        return FilePath(folder / self)


def _is_bound(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value is None
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond a float's range
        return False
