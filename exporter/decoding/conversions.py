"""Values as logs write them, as numbers and times: text with units, times in many formats, numbers as text."""

import math
import re
from datetime import UTC, datetime, tzinfo
from typing import Any

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
# Longer texts are not numbers, durations or times.
MAX_TEXT = 100

SECONDS = {
    **dict.fromkeys(("ns", "nsec", "nsecs", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "µs", "μs", "usec", "usecs", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
}
PART = re.compile(r"(\d+\.?\d*(?:e[+-]?\d{1,3})?|\.\d+)\s*([a-zµμ]+)\s*", re.ASCII | re.IGNORECASE)
CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d(?:\.\d+)?)", re.ASCII)

# Of a number as the epoch seconds, milliseconds, microseconds and nanoseconds of a time from 1973 to 5138.
EPOCH_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (math.inf, 1e9))
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# As in the access logs of web servers: 30/Nov/2026:07:42:18 +0000.
ACCESS_LOG = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\S+)( [+-]\d{4})?", re.ASCII)
# A date, a time, and a zone as an offset or UTC; Go writes both.
MOMENT = re.compile(
    r"(\d{4}-?\d\d-?\d\d)[Tt ](\d[\d:]*(?:[.,]\d+)?) ?([+-]\d\d(?::?\d\d)?)?(?: ?([A-Za-z]{1,5}))?", re.ASCII
)
UTC_NAMES = ("UTC", "GMT", "Z")


def number_of(value: Any) -> int | float | None:
    """Return a number, or a number that is written as text; None for anything else."""
    if type(value) in (int, float):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and len(value) <= MAX_TEXT and NUMBER.fullmatch(text := value.strip()):
        return float(text)
    return None


def seconds_of(value: Any) -> float | None:
    """Return the seconds of a duration with units such as 47.9ms, 1m2.5s or 0:00:01.5; None for anything else."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return None
    text = value.strip()
    if clock := CLOCK.fullmatch(text):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    seconds, at = 0.0, 0
    while part := PART.match(text, at):
        unit = SECONDS.get(part[2].lower())
        if unit is None:
            return None
        seconds += float(part[1]) * unit
        at = part.end()
    return seconds if text and at == len(text) else None


def epoch(moment: datetime, zone: tzinfo = UTC) -> float:
    """Return epoch seconds; a time without a zone is in `zone`."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def epoch_of(text: str, zone: tzinfo = UTC) -> float | None:
    """Return the epoch seconds of a date and time that is text; None if it is not one.

    Besides RFC 3339: `2026-11-30 07:42:18,850`, `2026-11-30 07:42:18 UTC` and `30/Nov/2026:07:42:18 +0000`. A time
    without a zone is in `zone`.
    """
    text = text.strip()
    if len(text) > MAX_TEXT:
        return None
    if access := ACCESS_LOG.fullmatch(text):
        day, month, year, clock, offset = access.groups()
        if month not in MONTHS:
            return None
        text = f"{year}-{MONTHS.index(month) + 1:02}-{day}T{clock}{offset or ''}"
    match = MOMENT.fullmatch(text)
    if match is None:
        return None
    date, clock, offset, name = match.groups()
    is_utc = name is not None and name.upper() in UTC_NAMES
    if name and not offset and not is_utc:
        return None
    try:
        moment = datetime.fromisoformat(f"{date}T{clock.replace(',', '.')}{offset or ''}")
        return epoch(moment, UTC if is_utc else zone)
    except (ValueError, OverflowError, OSError):
        return None
