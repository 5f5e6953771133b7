"""Reads the web configuration from its file, and reads it again when it or a certificate changes."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from exporter import validation, yamlfile
from exporter.validation import Problem
from exporter.web import settings, tls
from exporter.web.settings import TLS, USERS, TlsConfig, WebConfig
from exporter.yamlfile import YamlError

FILES = ("cert_file", "key_file", "client_ca_file")
# A file that was just changed may not be complete, and without its end may contain no users.
SETTLED_SECONDS = 0.5

log = structlog.get_logger()

State = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Files:
    """Files, and their state just before they were read."""

    paths: tuple[Path, ...]
    state: State

    @classmethod
    def of(cls, *paths: Path) -> Files:
        return cls(paths, tuple(map(_state, paths)))

    def __add__(self, other: Files) -> Files:
        return Files(self.paths + other.paths, self.state + other.state)

    def now(self) -> Files:
        return Files.of(*self.paths)

    def are_fresh(self, now: float) -> bool:
        """Whether a file was changed within the last SETTLED_SECONDS."""
        return any(0 <= now - entry[2] / 1e9 < SETTLED_SECONDS for entry in self.state if entry)


class WebConfigError(Exception):
    """The web configuration is invalid; `problems` has one line per mistake."""

    def __init__(self, problems: list[str], files: Files) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.files = files


@dataclass(frozen=True, slots=True)
class LoadedWebConfig:
    """A valid web configuration, and the files that it was read from."""

    config: WebConfig
    context: ssl.SSLContext | None
    files: Files

    def notes(self) -> list[str]:
        """Return warnings about valid settings that may not be intended."""
        return [f"{self.files.paths[0]}: {note}" for note in settings.notes(self.config)]


def load(path: Path) -> LoadedWebConfig:
    """Return the web configuration of a file, with its certificates. Raises WebConfigError with every mistake."""
    files = Files.of(path)
    try:
        data = yamlfile.load(path)
    except YamlError as error:
        raise WebConfigError([str(error)], files) from None
    wrong, config = _typed(data)
    config = _resolved(config, path.parent)
    files += Files.of(*(Path(file) for key in FILES if (file := getattr(config.tls_server_config, key))))
    # A key of a wrong type is not reported as missing as well.
    reported = set(map(_subject, wrong))
    wrong += [problem for problem in settings.contradictions(config) if _subject(problem) not in reported]
    context = None
    if config.is_tls:
        try:
            context = tls.make(_with_defaults(config.tls_server_config, wrong))
        except tls.TlsError as error:
            wrong += error.problems
    if wrong:
        raise WebConfigError([f"{path}: {problem}" for problem in wrong], files)
    return LoadedWebConfig(config, context, files)


class CurrentWebConfig:
    """The latest valid web configuration. An invalid one is logged once, and the previous one remains in use.

    `on_reload` is called with whether a reload succeeded. Raises WebConfigError.
    """

    def __init__(self, path: Path, on_reload: Callable[[bool], object], clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._on_reload = on_reload
        self._clock = clock
        self._loaded = load(path)
        self._files = self._loaded.files

    def get(self) -> LoadedWebConfig:
        """Return the configuration, read again if a file has changed."""
        files = self._files.now()
        if files != self._files and not files.are_fresh(self._clock()):
            self._reload()
        return self._loaded

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for a new connection."""
        context = self.get().context
        if context is None:
            raise ValueError("there is no TLS")
        return context

    def _reload(self) -> None:
        try:
            new = load(self._path)
            problems = []
            if (new.context is None) != (self._loaded.context is None):
                problems = [f"{self._path}: {TLS}: adding or removing TLS needs a restart"]
            self._files = new.files
        except WebConfigError as error:
            problems = error.problems
            self._files = error.files
        else:
            self._loaded = self._loaded if problems else new
        self._on_reload(not problems)
        if problems:
            log.error("invalid web configuration; keeping the previous one", problems=problems)
        else:
            log.info("web configuration reloaded", file=str(self._path))


def _state(file: Path) -> tuple[int, int, int, int] | None:
    """Return values that change with the content of a file; None if it cannot be read."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size


def _typed(data: Any) -> tuple[list[Problem], WebConfig]:
    """Return the mistakes that the types show, and the configuration without them."""
    wrong = []
    users = data.get(USERS) if isinstance(data, dict) else None
    if isinstance(users, dict):
        odd = [user for user in users if not isinstance(user, str)]
        wrong = [Problem((USERS, str(user)), "expected a user name in quotes") for user in odd]
        data = data | {USERS: {user: hashed for user, hashed in users.items() if user not in odd}}
    wrong += [_without_secret(problem) for problem in validation.problems(data, WebConfig)]
    usable = validation.without(data, wrong, WebConfig) if isinstance(data, dict) else {}
    return wrong, msgspec.convert(usable, WebConfig, dec_hook=validation.parse)


def _without_secret(problem: Problem) -> Problem:
    """Leave out a value that may be a secret."""
    is_secret = problem.path in ((), (TLS,), (TLS, "key")) or problem.path[:1] == (USERS,)
    return Problem(problem.path, problem.text.split(", got ", maxsplit=1)[0]) if is_secret else problem


def _resolved(config: WebConfig, folder: Path) -> WebConfig:
    """Resolve relative paths against the folder of the file."""
    given = config.tls_server_config
    paths = {key: str(folder / file) for key in FILES if (file := getattr(given, key))}
    return msgspec.structs.replace(config, tls_server_config=msgspec.structs.replace(given, **paths))


def _with_defaults(given: TlsConfig, wrong: list[Problem]) -> TlsConfig:
    """Replace invalid values by defaults, so that the mistakes in certificates are reported as well."""
    reported = set(map(_subject, wrong))
    fine = {key for key in TlsConfig.__struct_fields__ if _subject(Problem((TLS, key), "")) not in reported}
    return TlsConfig(**{key: getattr(given, key) for key in fine})


def _subject(problem: Problem) -> tuple[str, ...]:
    """Return the setting that a mistake is about: a file and inline PEM are one, and so is a whole list."""
    return tuple(str(key).split("[")[0].removesuffix("_file") for key in problem.path[:2])
