"""The sources of a configuration: how people write them, and what is wrong with them."""

from __future__ import annotations

import glob
import grp
import pwd
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from exporter.configuration import presets, queries
from exporter.configuration.source_options import SOURCE_OPTIONS, Source


def written_out(data: Any) -> Any:
    """Return a configuration, or its `ground_truth`, with each bare URL as what it is short for: a mapping."""
    if not isinstance(data, dict) or not isinstance(data.get("sources"), list):
        return data
    return data | {"sources": [{"url": item} if isinstance(item, str) else item for item in data["sources"]]}


def below(sources: Sequence[Source], folder: Path) -> list[Source]:
    """Return the sources with relative paths taken from `folder`."""
    return [
        msgspec.structs.replace(
            source,
            url=source.url.below(folder),
            token_file=source.token_file and str(folder / source.token_file),
            password_file=source.password_file and str(folder / source.password_file),
        )
        for source in sources
    ]


def place(source: Source) -> tuple[str, str, str, int]:
    """Return what two sources cannot share."""
    return source.url.scheme, source.url.path, source.url.host, source.url.port


def problems(sources: Sequence[Source], key: str, example: str) -> Iterator[str]:
    """Yield the mistakes of the sources under `key`."""
    if not sources:
        yield f"{key}: expected at least one source, such as {example}"
    places = [place(source) for source in sources]
    for index, source in enumerate(sources):
        at = f"{key}[{index}]"
        if places[index] in places[:index]:
            yield f"{at}: {source.url.path or source.url} is there twice"
        known = SOURCE_OPTIONS[source.url.scheme]
        for option in Source.__struct_fields__[1:]:
            if option not in known and getattr(source, option) != getattr(Source(source.url), option):
                yield f"{at}.{option}: a {source.url.scheme} source has no such option{_choices(known)}"
        yield from (f"{at}.{problem}" for problem in presets.problems(source))
        yield from (f"{at}.{problem}" for problem in queries.problems(source))
        for option in ("token_file", "password_file"):
            secret = getattr(source, option)
            if secret and (problem := _unreadable(Path(secret))):
                yield f"{at}.{option}: {secret}: {problem}"
        if source.url.scheme == "http" and source.url.path.startswith(("/-/", "/metrics")):
            yield f"{at}: {source.url.path} is a path of the sidecar's own"
        if source.socket == "datagram" and source.framing == "length":
            yield f"{at}.framing: a datagram is a record already; `length` is for streams"


def notes(sources: Sequence[Source], key: str) -> Iterator[str]:
    """What is no mistake, but may not be meant: what is not on this machine, for one, may be where the sidecar runs."""
    for index, source in enumerate(sources):
        at = f"{key}[{index}]"
        if source.url.scheme == "file" and not glob.glob(source.url.path):
            yield f"{at}: nothing matches {source.url.path} yet"
        for option, name, find in (("owner", source.owner, pwd.getpwnam), ("group", source.group, grp.getgrnam)):
            if name and not _is_known(find, name):
                yield f"{at}.{option}: there is no {option} {name} on this machine"
        yield from (f"{at}: {note}" for note in queries.notes(source))


def _is_known(find: Callable[[str], object], name: str) -> bool:
    try:
        find(name)
    except KeyError:
        return False
    return True


def _choices(options: tuple[str, ...]) -> str:
    return f"; it has {', '.join(options)}" if options else ""


def _unreadable(file: Path) -> str | None:
    """Say why a file cannot be read, or holds nothing."""
    try:
        return None if file.read_bytes().strip() else "it is empty"
    except OSError as error:
        return error.strerror
