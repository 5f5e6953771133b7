"""Metric families as Prometheus text or OpenMetrics, whichever the scraper asks for.

prometheus_client defines the formats: it writes one line of each form, and the other lines are made after its pattern.
"""

from __future__ import annotations

import io
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.families import CREATED, Family, LabelValues

GZIP_LEVEL = 4
# Added to the window size, this makes zlib write a gzip header.
GZIP_HEADER = 16

# Lines that are joined at once; meanwhile no other thread can run.
LINES_AT_ONCE = 10_000
# Between these, Go writes an exponent and Python does not; EXPONENTS is by digits before the decimal point.
GO_EXPONENT, PYTHON_EXPONENT = 1e6, 1e16
EXPONENTS = {digits: f"e+{digits - 1:02d}" for digits in range(7, 17)}
LEAST = -sys.float_info.max

Encode = Callable[[Collector], bytes]


@dataclass(frozen=True)
class Accept:
    """What a scraper accepts: the value of its Accept header, and whether it accepts gzip."""

    media_type: str = ""
    is_gzip: bool = False

    @classmethod
    def of(cls, accept: str, accept_encoding: str) -> Accept:
        """Return what the headers of a request accept."""
        return cls(accept, gzip_accepted(accept_encoding))

    @property
    def is_openmetrics(self) -> bool:
        """Whether the format that is chosen for the scraper is OpenMetrics."""
        _, content_type = choose_encoder(self.media_type)
        return content_type.startswith("application/openmetrics-text")


@dataclass(frozen=True)
class Exposition:
    """The body of a response to a scrape, the values of its headers, and its number in the order of expositions."""

    body: bytes
    content_type: str
    content_encoding: str | None
    number: int


class Writer:
    """Writes families, and keeps the part of each line before the value for the next exposition."""

    def __init__(self) -> None:
        self._prefixes: dict[str, _Prefixes] = {}
        # One at a time, because several threads would keep the event loop waiting.
        self._lock = threading.Lock()

    def write(self, families: Iterable[Family], accept: Accept) -> list[bytes]:
        """Return the lines of families in an accepted format, in pieces."""
        encode, _ = choose_encoder(accept.media_type)
        with self._lock:
            used: dict[str, _Prefixes] = {}
            pieces = [piece for family in families for piece in self._pieces(family, encode, used)]
            self._prefixes = used
        return pieces

    def _pieces(self, family: Family, encode: Encode, used: dict[str, _Prefixes]) -> Iterator[bytes]:
        head, forms = _pattern(family, encode)
        yield head.encode()
        lines = [""] * (len(forms) * len(family.label_values))
        for place, (form, line, values) in enumerate(zip(forms, family.lines, family.columns, strict=True)):
            used[form] = prefixes = self._prefixes.get(form) or _Prefixes(form)
            written = _lines(prefixes, family.label_values, values)
            if line is CREATED:
                written = [text if known == known else "" for text, known in zip(written, values, strict=True)]  # noqa: PLR0124
            lines[place :: len(forms)] = written
            prefixes.keep(family.label_values)
        for start in range(0, len(lines), LINES_AT_ONCE):
            yield "".join(lines[start : start + LINES_AT_ONCE]).encode()


class _Prefixes(dict[LabelValues, str]):
    """The part before the value of the lines of one form, by label values."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, label_values: LabelValues) -> str:
        prefix = self[label_values] = self._form.format(*map(_escaped, label_values))
        return prefix

    def keep(self, label_values: Sequence[LabelValues]) -> None:
        """Drop all but these, which are all present."""
        if len(self) > len(label_values):
            kept = {values: self[values] for values in label_values}
            self.clear()
            self.update(kept)


def complete(pieces: Iterable[bytes], registry: Collector, accept: Accept, number: int) -> Exposition:
    """Return the exposition: the pieces, then the metrics of a registry, and the end of the format."""
    encode, content_type = choose_encoder(accept.media_type)
    pieces = [*pieces, encode(registry)]
    if not accept.is_gzip:
        # Unlike join, this lets other threads run between pieces.
        body = io.BytesIO()
        for piece in pieces:
            body.write(piece)
        return Exposition(body.getvalue(), content_type, None, number)
    return Exposition(gzipped(pieces), content_type, "gzip", number)


def gzipped(pieces: Iterable[bytes]) -> bytes:
    """Return pieces as one compressed body."""
    gzip = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_HEADER + zlib.MAX_WBITS)
    return b"".join([*map(gzip.compress, pieces), gzip.flush()])


@dataclass(frozen=True)
class _Only(Collector):
    metric: Metric

    def collect(self) -> Iterator[Metric]:
        yield self.metric


def _pattern(family: Family, encode: Encode) -> tuple[str, list[str]]:
    """Return a family's head, and a format string of each of its lines up to the value, with its label values."""
    metric = Metric(family.name, family.help, family.type)
    # Control characters stand for the braces of the format string, because the line has braces of its own.
    fields = {label: f"\1{place}\2" for place, label in enumerate(family.labels)}
    for line in family.lines:
        metric.add_sample(family.name + line.suffix, fields | line.labels, 0.0)
    *lines, _ = encode(_Only(metric)).decode().removesuffix("# EOF\n").split("\n")
    head, samples = lines[: -len(family.lines)], lines[-len(family.lines) :]
    braced = str.maketrans({"{": "{{", "}": "}}", "\1": "{", "\2": "}"})
    return "".join(f"{line}\n" for line in head), [line.removesuffix("0.0").translate(braced) for line in samples]


def _escaped(label_value: str) -> str:
    return label_value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _lines(prefixes: _Prefixes, label_values: Sequence[LabelValues], values: Sequence[float]) -> list[str]:
    return [
        f"{prefixes[labels]}{value!r}\n" if LEAST <= value < GO_EXPONENT else f"{prefixes[labels]}{_large(value)}\n"
        for labels, value in zip(label_values, values, strict=True)
    ]


def _large(value: float) -> str:
    """Return a float as floatToGoString does, in half the time."""
    if not GO_EXPONENT <= value < PYTHON_EXPONENT:
        return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the client library's own gap
    whole, _, fraction = repr(value).partition(".")
    return f"{whole[0]}.{whole[1:]}{fraction}".rstrip("0.") + EXPONENTS[len(whole)]
