"""Numbers as text for people; an unknown number is a dash."""

import math
from datetime import UTC, datetime

DASH = "\N{EN DASH}"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def number(value: float) -> str:
    """Return a number with three significant digits.

    >>> number(1234567), number(0.012345), number(12.3456), number(0.0)
    ('1,234,567', '0.0123', '12.3', '0')
    """
    if math.isnan(value):
        return DASH
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004


def percent(share: float) -> str:
    """Return a share in percent.

    >>> percent(0.12345), percent(0.5), percent(0.00012), percent(1)
    ('12%', '50%', '0.012%', '100%')
    """
    if math.isnan(share):
        return DASH
    value = 100 * share
    return f"{value:.0f}%" if value >= 10 or value == 0 else f"{value:.1f}%" if value >= 0.1 else f"{value:.2g}%"  # noqa: PLR2004


def index(value: float) -> str:
    """Return a PSI as text.

    >>> index(0.01234), index(0.2567), index(7.123), index(12.34)
    ('0.012', '0.26', '7.1', '12')
    """
    if math.isnan(value):
        return DASH
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 1 else f"{value:.2g}"  # noqa: PLR2004


def ranking(value: float) -> str:
    """Return an agreement of rankings.

    >>> ranking(0.98765), ranking(1)
    ('0.988', '1.000')
    """
    return DASH if math.isnan(value) else f"{value:.3f}"


def duration(seconds: float) -> str:
    """Return a duration in its largest unit.

    >>> duration(0.0042), duration(0.5), duration(12), duration(90), duration(7200), duration(200000)
    ('4.2 ms', '500 ms', '12 s', '1.5 min', '2 h', '2.3 days')
    """
    if math.isnan(seconds):
        return DASH
    for unit, name in ((DAY, "days"), (HOUR, "h"), (MINUTE, "min"), (1.0, "s")):
        if seconds >= unit:
            return f"{seconds / unit:.2g} {name}" if seconds < 100 * unit else f"{seconds / unit:.0f} {name}"
    return f"{seconds * 1000:.3g} ms" if seconds else "0 s"


def size(count: float) -> str:
    """Return a number of bytes in its largest unit.

    >>> size(512), size(2048), size(5 * 1024**2)
    ('512 B', '2 KiB', '5 MiB')
    """
    if math.isnan(count):
        return DASH
    unit = 0
    while count >= 1024 and unit < 3:  # noqa: PLR2004
        count, unit = count / 1024, unit + 1
    return f"{count:.3g} {('B', 'KiB', 'MiB', 'GiB')[unit]}"


def moment(time: float) -> str:
    """Return epoch seconds as a time of day in UTC.

    >>> moment(1700000000)
    '22:13:20 UTC'
    """
    return f"{datetime.fromtimestamp(time, UTC):%H:%M:%S} UTC"


def iso(time: float) -> str:
    """Return epoch seconds in ISO 8601."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
