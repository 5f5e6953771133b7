"""What stands before every request: client names, the rate, and the password."""

import ssl
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from exporter.web.auth import BasicAuth, BusyError
from exporter.web.loading import Current
from exporter.web.settings import RateLimit
from exporter.web.tls import TurningContext, has_allowed_san

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REALM = 'Basic realm="prediction-exporter", charset="UTF-8"'


class TokenBucket:
    """Lets `burst` requests through at once, and one more each `interval` seconds."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled = clock()

    def take(self) -> bool:
        """Whether there was a token to take."""
        now = self._clock()
        if self.limit.interval:
            self._tokens = min(self.limit.burst, self._tokens + (now - self._filled) / self.limit.interval)
        self._filled = now
        if not self.limit.interval or self._tokens >= 1:
            self._tokens -= bool(self.limit.interval)
            return True
        return False


class Guard:
    """A web configuration at work. Raises WebConfigError."""

    def __init__(
        self, path: Path, tell: Callable[[bool], object], has_own_token: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Who POSTs at a path that `has_own_token` needs no password; `tell` hears how each later reading went."""
        self._current = Current(path, tell)
        self._has_own_token = has_own_token
        self._auth = BasicAuth()
        self._bucket: TokenBucket | None = None

    @property
    def notes(self) -> list[str]:
        return self._current.get().notes()

    @property
    def context(self) -> ssl.SSLContext | None:
        """The TLS context to listen with, which turns with the files; None is plain HTTP."""
        return TurningContext.around(self._current.context) if self._current.get().context else None

    def headers(self) -> dict[str, str]:
        """Return what every answer bears."""
        return self._current.get().config.headers

    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through, or answer it."""
        config = self._current.get().config
        sans = config.tls_server_config.client_allowed_sans
        if sans and not has_allowed_san(request.get_extra_info("peercert"), sans):
            return _refused(HTTPStatus.FORBIDDEN, "the client's certificate is not among client_allowed_sans")
        if not self._has_token(config.rate_limit):
            return _refused(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", {"Retry-After": "1"})
        if config.basic_auth_users and not self._is_open(request):
            try:
                given = request.headers.get("Authorization", "")
                if not await self._auth.allows(given, config.basic_auth_users):
                    return _refused(
                        HTTPStatus.UNAUTHORIZED, "expected a user and password", {"WWW-Authenticate": REALM}
                    )
            except BusyError:
                return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many logins at once", {"Retry-After": "1"})
        return await handler(request)

    def _has_token(self, limit: RateLimit | None) -> bool:
        if limit is None:
            self._bucket = None
        elif self._bucket is None or self._bucket.limit != limit:
            self._bucket = TokenBucket(limit)
        return self._bucket is None or self._bucket.take()

    def _is_open(self, request: web.Request) -> bool:
        return request.method == "POST" and self._has_own_token(request.path)


def _refused(status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(status=status, text=f"{text}\n", headers=headers)
    # The body is not read.
    response.force_close()
    return response
