"""A web configuration read from its file, and read again when it or a certificate changes."""

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
# A file that has just been written may not be whole yet, and half a file may hold no users.
SETTLED_SECONDS = 0.5

log = structlog.get_logger()

State = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Files:
    """Files, and their state as it was just before they were read."""

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
        """Whether one was changed just now."""
        return any(0 <= now - entry[2] / 1e9 < SETTLED_SECONDS for entry in self.state if entry)


class WebConfigError(Exception):
    """The web configuration cannot be used; `problems` are the mistakes, a line each."""

    def __init__(self, problems: list[str], files: Files) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.files = files


@dataclass(frozen=True, slots=True)
class LoadedWebConfig:
    """A web configuration that can be used, and the files that it is of."""

    config: WebConfig
    context: ssl.SSLContext | None
    files: Files

    def notes(self) -> list[str]:
        """What is no mistake, but may not be meant."""
        return [f"{self.files.paths[0]}: {note}" for note in settings.notes(self.config)]


def load(path: Path) -> LoadedWebConfig:
    """Read it, and all that it points to; raises WebConfigError with every mistake."""
    files = Files.of(path)
    try:
        data = yamlfile.load(path)
    except YamlError as error:
        raise WebConfigError([str(error)], files) from None
    wrong, config = _typed(data)
    config = _below(config, path.parent)
    files += Files.of(*(Path(file) for key in FILES if (file := getattr(config.tls_server_config, key))))
    # A key whose type is wrong is not missing too.
    told = set(map(_subject, wrong))
    wrong += [problem for problem in settings.contradictions(config) if _subject(problem) not in told]
    context = None
    if config.is_tls:
        try:
            context = tls.make(_harmless(config.tls_server_config, wrong))
        except tls.TlsError as error:
            wrong += error.problems
    if wrong:
        raise WebConfigError([f"{path}: {problem}" for problem in wrong], files)
    return LoadedWebConfig(config, context, files)


class Current:
    """The web configuration as it stands: what is broken is told once and leaves the one before in place."""

    def __init__(self, path: Path, tell: Callable[[bool], object], clock: Callable[[], float] = time.time) -> None:
        """Raises WebConfigError. `tell` is told how each later reading went."""
        self._path = path
        self._tell = tell
        self._clock = clock
        self._loaded = load(path)
        self._files = self._loaded.files

    def get(self) -> LoadedWebConfig:
        """Return it, read again if a file has changed."""
        files = self._files.now()
        if files != self._files and not files.are_fresh(self._clock()):
            self._reload()
        return self._loaded

    def context(self) -> ssl.SSLContext:
        """Return the TLS context that a new connection takes."""
        context = self.get().context
        if context is None:
            raise ValueError("there is no TLS")
        return context

    def _reload(self) -> None:
        try:
            new = load(self._path)
            problems = []
            if (new.context is None) != (self._loaded.context is None):
                problems = [f"{self._path}: {TLS}: it cannot come or go without a restart"]
            self._files = new.files
        except WebConfigError as error:
            problems = error.problems
            self._files = error.files
        else:
            self._loaded = self._loaded if problems else new
        self._tell(not problems)
        if problems:
            log.error("web configuration is broken; the one before stays", problems=problems)
        else:
            log.info("web configuration read again", file=str(self._path))


def _state(file: Path) -> tuple[int, int, int, int] | None:
    """What changes when the file does."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size


def _typed(data: Any) -> tuple[list[Problem], WebConfig]:
    """Return what is wrong with the types, and the rest."""
    wrong = []
    users = data.get(USERS) if isinstance(data, dict) else None
    if isinstance(users, dict):
        odd = [user for user in users if not isinstance(user, str)]
        wrong = [Problem((USERS, str(user)), "expected a user name in quotes") for user in odd]
        data = data | {USERS: {user: hashed for user, hashed in users.items() if user not in odd}}
    wrong += [_discreet(problem) for problem in validation.problems(data, WebConfig)]
    usable = validation.without(data, wrong, WebConfig) if isinstance(data, dict) else {}
    return wrong, msgspec.convert(usable, WebConfig, dec_hook=validation.parse)


def _discreet(problem: Problem) -> Problem:
    """Leave out what was found where it may be a secret."""
    is_secret = problem.path in ((), (TLS,), (TLS, "key")) or problem.path[:1] == (USERS,)
    return Problem(problem.path, problem.text.split(", got ", maxsplit=1)[0]) if is_secret else problem


def _below(config: WebConfig, folder: Path) -> WebConfig:
    """Take relative paths from the file's folder."""
    given = config.tls_server_config
    paths = {key: str(folder / file) for key in FILES if (file := getattr(given, key))}
    return msgspec.structs.replace(config, tls_server_config=msgspec.structs.replace(given, **paths))


def _harmless(given: TlsConfig, wrong: list[Problem]) -> TlsConfig:
    """Return it with the defaults for what is wrong, so that all mistakes are told at once."""
    told = set(map(_subject, wrong))
    fine = {key for key in TlsConfig.__struct_fields__ if _subject(Problem((TLS, key), "")) not in told}
    return TlsConfig(**{key: getattr(given, key) for key in fine})


def _subject(problem: Problem) -> tuple[str, ...]:
    """What a mistake is about: a file and the text in its place are one thing, and so is a whole list."""
    return tuple(str(key).split("[")[0].removesuffix("_file") for key in problem.path[:2])
