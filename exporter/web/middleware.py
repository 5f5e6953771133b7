"""The checks before every request: the client's certificate, the rate limit, and the password."""

import ssl
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from exporter.web.auth import BasicAuth, BusyError
from exporter.web.loading import CurrentWebConfig
from exporter.web.settings import RateLimit
from exporter.web.tls import ReloadingSSLContext, has_allowed_san

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REALM = 'Basic realm="prediction-exporter", charset="UTF-8"'


class TokenBucket:
    """Allows `burst` requests at once, and one more every `interval` seconds."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled = clock()

    def take(self) -> bool:
        """Take a token if there is one; return whether there was."""
        now = self._clock()
        if self.limit.interval:
            self._tokens = min(self.limit.burst, self._tokens + (now - self._filled) / self.limit.interval)
        self._filled = now
        if not self.limit.interval or self._tokens >= 1:
            self._tokens -= bool(self.limit.interval)
            return True
        return False


class AuthMiddleware:
    """Applies a web configuration, which is read again when its files change. Raises WebConfigError.

    `on_reload` is called with whether a reload succeeded. A POST to a path that `has_own_token` needs no password.
    """

    def __init__(
        self, path: Path, on_reload: Callable[[bool], object], has_own_token: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._current = CurrentWebConfig(path, on_reload)
        self._has_own_token = has_own_token
        self._auth = BasicAuth()
        self._bucket: TokenBucket | None = None

    @property
    def notes(self) -> list[str]:
        return self._current.get().notes()

    @property
    def context(self) -> ssl.SSLContext | None:
        """The TLS context to listen with, which follows changes of the files; None for plain HTTP."""
        return ReloadingSSLContext.around(self._current.context) if self._current.get().context else None

    def headers(self) -> dict[str, str]:
        """Return the headers of every response."""
        return self._current.get().config.headers

    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass a request on to its handler, or reject it."""
        config = self._current.get().config
        sans = config.tls_server_config.client_allowed_sans
        if sans and not has_allowed_san(request.get_extra_info("peercert"), sans):
            return _rejected(HTTPStatus.FORBIDDEN, "the client's certificate is not among client_allowed_sans")
        if not self._has_token(config.rate_limit):
            return _rejected(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", {"Retry-After": "1"})
        if config.basic_auth_users and not self._is_open(request):
            try:
                given = request.headers.get("Authorization", "")
                if not await self._auth.allows(given, config.basic_auth_users, request.remote or ""):
                    return _rejected(
                        HTTPStatus.UNAUTHORIZED, "expected a user and password", {"WWW-Authenticate": REALM}
                    )
            except BusyError:
                return _rejected(HTTPStatus.SERVICE_UNAVAILABLE, "too many logins at once", {"Retry-After": "1"})
        return await handler(request)

    def _has_token(self, limit: RateLimit | None) -> bool:
        if limit is None:
            self._bucket = None
        elif self._bucket is None or self._bucket.limit != limit:
            self._bucket = TokenBucket(limit)
        return self._bucket is None or self._bucket.take()

    def _is_open(self, request: web.Request) -> bool:
        return request.method == "POST" and self._has_own_token(request.path)


def _rejected(status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(status=status, text=f"{text}\n", headers=headers)
    # Because the body has not been read.
    response.force_close()
    return response
