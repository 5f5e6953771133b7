"""Write metric families as Prometheus text or OpenMetrics, whichever the scraper asks for.

What a format is, prometheus_client decides: it writes one line of each form, and the others are made after that.
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

from exporter.families import Family, LabelValues

GZIP_LEVEL = 4
# Added to the window's size, it asks zlib for gzip's header.
GZIP_HEADER = 16

# Lines of a page that are put together at once; while they are, no other thread has its turn.
LINES_AT_ONCE = 10_000
# Between which floats Go writes an exponent and Python does not, and how it is written by digits before the point.
GO_EXPONENT, PYTHON_EXPONENT = 1e6, 1e16
EXPONENTS = {digits: f"e+{digits - 1:02d}" for digits in range(7, 17)}
LEAST = -sys.float_info.max

Encode = Callable[[Collector], bytes]


@dataclass(frozen=True)
class Format:
    """What a scraper wants: a media type in the words of its Accept header, and whether compressed."""

    accept: str = ""
    is_gzip: bool = False

    @classmethod
    def of(cls, accept: str, accept_encoding: str) -> Format:
        """Read the headers of a request."""
        return cls(accept, gzip_accepted(accept_encoding))


@dataclass(frozen=True)
class Exposition:
    """The body of an answer to a scrape, and its headers' values."""

    body: bytes
    content_type: str
    content_encoding: str | None


class Writer:
    """Writes families; what stands before the value on a line is kept for the next page, if this one has that line."""

    def __init__(self) -> None:
        self._prefixes: dict[str, _Prefixes] = {}
        # Two threads that write at once would both stand between the event loop and its turn.
        self._one = threading.Lock()

    def write(self, families: Iterable[Family], wanted: Format) -> list[bytes]:
        """Return the lines of families in the format that is wanted, in pieces."""
        encode, _ = choose_encoder(wanted.accept)
        with self._one:
            used: dict[str, _Prefixes] = {}
            pieces = [piece for family in families for piece in self._pieces(family, encode, used)]
            self._prefixes = used
        return pieces

    def _pieces(self, family: Family, encode: Encode, used: dict[str, _Prefixes]) -> Iterator[bytes]:
        head, forms = _pattern(family, encode)
        yield head.encode()
        lines = [""] * (len(forms) * len(family.label_values))
        for place, (form, values) in enumerate(zip(forms, family.columns, strict=True)):
            used[form] = prefixes = self._prefixes.get(form) or _Prefixes(form)
            lines[place :: len(forms)] = _lines(prefixes, family.label_values, values)
            prefixes.keep(family.label_values)
        for start in range(0, len(lines), LINES_AT_ONCE):
            yield "".join(lines[start : start + LINES_AT_ONCE]).encode()


class _Prefixes(dict[LabelValues, str]):
    """What stands before the value on the lines of one form, by label values."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, label_values: LabelValues) -> str:
        prefix = self[label_values] = self._form.format(*map(_escaped, label_values))
        return prefix

    def keep(self, label_values: Sequence[LabelValues]) -> None:
        """Forget all others; these are known."""
        if len(self) > len(label_values):
            kept = {values: self[values] for values in label_values}
            self.clear()
            self.update(kept)


def complete(pieces: Iterable[bytes], registry: Collector, wanted: Format) -> Exposition:
    """Return the page: what is written, then what a registry holds, and the format's end."""
    encode, content_type = choose_encoder(wanted.accept)
    pieces = [*pieces, encode(registry)]
    if not wanted.is_gzip:
        # Unlike join, it copies piece by piece, and others have their turn between.
        page = io.BytesIO()
        for piece in pieces:
            page.write(piece)
        return Exposition(page.getvalue(), content_type, None)
    return Exposition(gzipped(pieces), content_type, "gzip")


def gzipped(pieces: Iterable[bytes]) -> bytes:
    """Return pieces as one body, compressed."""
    gzip = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_HEADER + zlib.MAX_WBITS)
    return b"".join([*map(gzip.compress, pieces), gzip.flush()])


@dataclass(frozen=True)
class _Only(Collector):
    metric: Metric

    def collect(self) -> Iterator[Metric]:
        yield self.metric


def _pattern(family: Family, encode: Encode) -> tuple[str, list[str]]:
    """Return a family's head, and for each of its lines the form that makes label values what precedes the value."""
    metric = Metric(family.name, family.help, family.type)
    # Control characters stand for the braces of the form, since the line has braces of its own.
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
    """Return a float as floatToGoString does, which takes twice as long."""
    if not GO_EXPONENT <= value < PYTHON_EXPONENT:
        return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the client library's own gap
    whole, _, fraction = repr(value).partition(".")
    return f"{whole[0]}.{whole[1:]}{fraction}".rstrip("0.") + EXPONENTS[len(whole)]
