"""How the lines of a log are written: the format, as keys of a source, and why."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from exporter.configuration.source_config import SourceConfig
from exporter.decoding.conversions import epoch_of, number_of
from exporter.decoding.rows import as_text, json_value
from exporter.formats.flat import PAIR
from exporter.lines.buffer import framed
from exporter.lines.rejects import RejectedError
from exporter.lines.stream import Stream
from exporter.offline import OfflineError
from exporter.offline.first_records import first_lines

MOST_LINES = 500
# The share of the lines that a format must fit; other events may be text.
MOSTLY = 0.9
SOME = 0.2
FEWEST_PAIRS = 3
FEWEST_CELLS = 2
CRI = re.compile(rb"\d{4}-\d\d-\d\dT\S+ (stdout|stderr) [FP] ")
DELIMITERS = (",", ";", "\t", "|")
ACCESS_LOG = re.compile(r'\S+ \S+ \S+ \[[^]]+\] "[^"]*" \d{3} (\d+|-)')
ACCESS_PATTERN = (
    r'(?P<client>\S+) \S+ \S+ \[(?P<time>[^]]+)\] "(?P<request>[^"]*)" (?P<status>\d+) (?P<bytes>\d+|-)'
    r'(?: "[^"]*" "[^"]*")?(?: (?P<request_time>[\d.]+))?'
)
EVENTS = "org.kubeflow.serving.inference."


class Layout(NamedTuple):
    """The keys of a source that say how lines are written, and why."""

    keys: dict[str, Any]
    why: str = ""


def layout(path: Path) -> Layout:
    """Return how the lines of a log are written; raises OfflineError."""
    data = first_lines(path)
    lines = [line for line in data.split(b"\n") if line.strip()][:MOST_LINES]
    if not lines:
        raise OfflineError(f"{path}: no whole line yet; expected a log with records")
    wrapper = _wrapper(lines)
    if wrapper:
        lines = _unwrapped(wrapper, data)
    inner = _inner(path, lines, data)
    if not wrapper:
        return inner
    share = f"the lines are those of a container runtime ({wrapper})"
    name = inner.keys.get("format")
    return Layout(
        {**inner.keys, "format": [wrapper, name] if name else wrapper}, "; ".join(filter(None, (share, inner.why)))
    )


def _inner(path: Path, lines: list[bytes], data: bytes) -> Layout:
    for found in (
        _json(lines),
        _several_lines(lines, data),
        _prefixed(lines),
        _access(lines),
        _logfmt(lines),
        _csv(lines),
    ):
        if found:
            return found
    raise OfflineError(
        f"{path}: unknown format; expected JSON, logfmt, CSV with a header, or an access log. For other text, write "
        "`format: text` with a `pattern`"
    )


def _wrapper(lines: list[bytes]) -> str | None:
    if sum(bool(CRI.match(line)) for line in lines) >= MOSTLY * len(lines):
        return "cri"
    entries = [value for line in lines if isinstance(value := _value(line), dict)]
    if entries and all({"log", "stream"} <= entry.keys() and isinstance(entry["log"], str) for entry in entries):
        return "docker"
    return None


def _unwrapped(wrapper: str, data: bytes) -> list[bytes]:
    source = SourceConfig.parse({"url": "log", "format": wrapper})
    pending = framed(Stream("log", "log"), len(data), data, source.formats[0].framer, len(data))
    return [line for part in pending for _, _, line, _ in part.lines() if line.strip()][:MOST_LINES]


def _json(lines: list[bytes]) -> Layout | None:
    values = [value for line in lines if isinstance(value := _value(line), dict)]
    if len(values) < SOME * len(lines):
        return None
    if any(str(value.get("type", "")).startswith(EVENTS) for value in values):
        return Layout({"format": "kserve"}, "the lines are events of KServe's logger")
    if any(isinstance(value.get("resourceLogs"), list) for value in values):
        return Layout({"format": "otlp"}, "the lines are logs of OpenTelemetry's Collector")
    return Layout({})


def _several_lines(lines: list[bytes], data: bytes) -> Layout | None:
    if lines[0].lstrip()[:1] not in (b"{", b"["):
        return None
    framer = SourceConfig.parse({"url": "log", "format": "json"}).formats[0].framer
    parts = framed(Stream("log", "log"), len(data), data, framer, len(data))
    found = [line for part in parts for _, _, line, _ in part.lines()]
    if not any(isinstance(_value(line), dict) for line in found):
        return None
    return Layout({"format": "json"}, "objects have several lines, or are in an array")


def _prefixed(lines: list[bytes]) -> Layout | None:
    """Return the layout of lines with text before an object."""
    prefixes = [
        line[: line.index(b"{")].decode(errors="replace")
        for line in lines
        if b"{" in line and isinstance(_value(line[line.index(b"{") :]), dict)
    ]
    if len(prefixes) < SOME * len(lines):
        return None
    for words, pattern in ((2, r"(?P<time>\S+ \S+) [^{]*"), (1, r"(?P<time>\S+) [^{]*")):
        times = [" ".join(prefix.split(" ")[:words]) for prefix in prefixes]
        if all(epoch_of(time) is not None for time in times):
            return Layout({"prefix": pattern}, f"text with a time is before the object in {_of(prefixes, lines)}")
    return Layout({"prefix": "[^{]*"}, f"text is before the object in {_of(prefixes, lines)}")


def _access(lines: list[bytes]) -> Layout | None:
    found = [line for line in _texts(lines) if ACCESS_LOG.match(line)]
    if len(found) < SOME * len(lines):
        return None
    return Layout({"format": "text", "pattern": ACCESS_PATTERN}, f"{_of(found, lines)} are those of an access log")


def _logfmt(lines: list[bytes]) -> Layout | None:
    found = [line for line in _texts(lines) if len(PAIR.findall(line)) >= FEWEST_PAIRS]
    if len(found) < MOSTLY * len(lines):
        return None
    return Layout({"format": "logfmt"}, f"{_of(found, lines)} are pairs such as name=value")


def _csv(lines: list[bytes]) -> Layout | None:
    texts = [*_texts(lines)]
    for delimiter in DELIMITERS if texts else ():
        rows = [*csv.reader(texts, delimiter=delimiter)]
        header = [name.strip() for name in rows[0]]
        is_header = all(header) and len({*header}) == len(header) and not any(map(_is_number, header))
        if len(header) >= FEWEST_CELLS and is_header and {len(row) for row in rows} == {len(header)}:
            keys: dict[str, Any] = {"format": "csv", "columns": header}
            keys |= {} if delimiter == "," else {"delimiter": delimiter}
            return Layout(keys, f"the first line names the {len(header)} columns")
    return None


def _texts(lines: list[bytes]) -> Iterator[str]:
    for line in lines:
        try:
            yield as_text(line)
        except RejectedError:
            continue


def _value(line: bytes) -> Any:
    try:
        return json_value(line)[0]
    except (RejectedError, msgspec.MsgspecError):
        return None


def _is_number(text: str) -> bool:
    return number_of(text) is not None


def _of(found: list[Any], lines: list[bytes]) -> str:
    return f"{len(found)} of {len(lines)} lines"
