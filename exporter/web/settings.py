"""The web configuration format of Prometheus as typed Structs, and the mistakes that their types do not show.

https://prometheus.io/docs/prometheus/latest/configuration/https/ and docs/web-configuration.md of exporter-toolkit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from exporter.units import Duration
from exporter.validation import Problem, nearest

TLS = "tls_server_config"
USERS = "basic_auth_users"
# A login with a higher cost takes more than a second.
MAX_QUICK_COST = 14

# The names of Go, as used by Prometheus. Those of TLS 1.3 are always enabled, as in Go.
TLS13_CIPHERS = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
# By the names of Go, those of OpenSSL.
CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}


class Secret(str):
    """Text that is not shown in messages."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'<secret>'"

    @classmethod
    def parse(cls, text: object) -> Secret:
        """Return the text as a secret. Raises ValueError, without the text."""
        if isinstance(text, str):
            return cls(text)
        raise ValueError("expected text, got something else")


class BcryptHash(Secret):
    """A bcrypt hash, as written by htpasswd -B."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> BcryptHash:
        """Return the hash. Raises ValueError, without the text, which may be a password."""
        found = re.fullmatch(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", text) if isinstance(text, str) else None
        if found and 4 <= int(found[1]) <= 31:  # noqa: PLR2004  # the limits of bcrypt
            return cls(text)
        raise ValueError("expected a bcrypt hash as written by `htpasswd -nBC 10 USER`, got something else")

    @property
    def cost(self) -> int:
        return int(self[4:6])


class Interval(float):
    """Seconds between two requests, from a duration; 0 is no limit."""

    @classmethod
    def parse(cls, text: object) -> Interval:
        """Return the value. Raises ValueError with what was expected."""
        return cls(0) if text in (0, "0", "0s") else cls(Duration.parse(text).seconds)


class HeaderValue(str):
    """The value of a header."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> HeaderValue:
        """Return the value. Raises ValueError with what was expected."""
        if isinstance(text, str) and text.isascii() and (text.isprintable() or not text):
            return cls(text)
        raise ValueError(f"expected text in one line, got {text!r}")


Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


class TlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TLS of the server."""

    cert: str = ""
    """The certificate, as PEM."""
    key: Secret = Secret()
    """The private key, as PEM."""
    client_ca: str = ""
    """The certificate authorities of client certificates, as PEM."""
    cert_file: str = ""
    """A file with the certificate, instead of `cert`."""
    key_file: str = ""
    """A file with the key, instead of `key`."""
    client_ca_file: str = ""
    """A file with the authorities, instead of `client_ca`."""
    client_auth_type: Literal[
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
    ] = "NoClientCert"
    """Whether clients present a certificate. RequestClientCert and RequireAnyClientCert are rejected: Python verifies
    every certificate that it requests."""
    client_allowed_sans: list[str] | None = None
    """Subject alternative names, of which a client certificate must have one; other clients get 403."""
    min_version: Version = "TLS12"
    """The lowest TLS version; at least TLS12."""
    max_version: Version = "TLS13"
    """The highest TLS version."""
    cipher_suites: list[str] = []
    """The cipher suites of TLS 1.2, by their names in Go; default: those of Python."""
    prefer_server_cipher_suites: bool = True
    """Whether the server's order of ciphers takes precedence."""
    curve_preferences: list[str] = []
    """The curves of the key exchange; more than one requires Python 3.15."""


class Headers(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename=lambda name: name.replace("_", "-").title().replace("Xss", "XSS"),
):
    """The headers that can be set; empty means unset."""

    content_security_policy: HeaderValue = HeaderValue()
    """Sent with every response, if set."""
    x_frame_options: Literal["deny", "sameorigin", ""] = ""
    """Sent with every response, if set."""
    x_content_type_options: Literal["nosniff", ""] = ""
    """Always sent."""
    x_xss_protection: HeaderValue = HeaderValue()
    """Sent with every response, if set."""
    strict_transport_security: HeaderValue = HeaderValue()
    """Sent with every response, if set; browsers apply it only over TLS."""


class HttpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """HTTP of the server."""

    http2: bool | None = None
    """Accepted so that configuration files can be shared; HTTP/2 is not supported."""
    headers: Headers = Headers()
    """Headers of every response."""


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token bucket: `burst` requests at once, and one more every `interval`."""

    interval: Interval
    """The time after which one more request is allowed; 0 is no limit."""
    burst: Annotated[int, msgspec.Meta(gt=0)]
    """The number of requests allowed at once."""


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A web configuration."""

    tls_server_config: TlsConfig = TlsConfig()
    """TLS of the server; without it, HTTP is unencrypted."""
    http_server_config: HttpConfig = HttpConfig()
    """HTTP of the server."""
    basic_auth_users: dict[str, BcryptHash] = {}
    """bcrypt hashes of passwords by user, as written by `htpasswd -nBC 10 USER`."""
    rate_limit: RateLimit | None = None
    """A token bucket for all requests; those beyond it get 429."""

    @property
    def is_tls(self) -> bool:
        return self.tls_server_config != TlsConfig()

    @property
    def headers(self) -> dict[str, str]:
        given = self.http_server_config.headers
        names = zip(given.__struct_fields__, given.__struct_encode_fields__, strict=True)
        return {spelt: str(value) for name, spelt in names if (value := getattr(given, name))}


def contradictions(web: WebConfig) -> Iterator[Problem]:
    """Yield mistakes that a key's type does not show."""
    for user in web.basic_auth_users:
        if not user or ":" in user:
            yield Problem((USERS, user), "expected a user name without a colon")
    if web.is_tls:
        for key, text in _contradictions_of_tls(web.tls_server_config):
            yield Problem((TLS, key), text)


def _contradictions_of_tls(tls: TlsConfig) -> Iterator[tuple[str, str]]:
    for name in ("cert", "key", "client_ca"):
        given = [bool(getattr(tls, key)) for key in (name, f"{name}_file")]
        if all(given):
            yield f"{name}_file", f"give this or `{name}`, not both"
        elif not any(given) and name != "client_ca":
            yield f"{name}_file", f"this key is required, or `{name}`"
    yield from _contradictions_of_versions(tls)
    yield from _contradictions_of_clients(tls)


def _contradictions_of_versions(tls: TlsConfig) -> Iterator[tuple[str, str]]:
    for key in ("min_version", "max_version"):
        if getattr(tls, key) in ("TLS10", "TLS11"):
            yield key, f"{getattr(tls, key)} is not safe and not supported; expected TLS12 or TLS13"
    if tls.min_version > tls.max_version:
        yield "max_version", f"it is below min_version, {tls.min_version}"
    for index, name in enumerate(tls.cipher_suites):
        if name not in CIPHERS and name not in TLS13_CIPHERS:
            yield f"cipher_suites[{index}]", f"no such cipher suite {name!r}{nearest(name, {*CIPHERS, *TLS13_CIPHERS})}"
    if tls.cipher_suites and TLS13_CIPHERS.issuperset(tls.cipher_suites) and tls.max_version < "TLS13":
        yield "cipher_suites", f"none of these is for {tls.max_version}, the max_version"
    for index, name in enumerate(tls.curve_preferences):
        if name not in CURVES:
            yield f"curve_preferences[{index}]", f"no such curve {name!r}{nearest(name, CURVES)}"


def _contradictions_of_clients(tls: TlsConfig) -> Iterator[tuple[str, str]]:
    has_ca = bool(tls.client_ca or tls.client_ca_file)
    kind = tls.client_auth_type
    unverified = {
        "RequestClientCert": "VerifyClientCertIfGiven",
        "RequireAnyClientCert": "RequireAndVerifyClientCert",
    }
    if kind in unverified:
        yield (
            "client_auth_type",
            f"Python verifies every certificate that it requests; use {unverified[kind]}, with a client_ca_file",
        )
    elif kind == "NoClientCert" and has_ca:
        yield "client_auth_type", "with a client CA, expected VerifyClientCertIfGiven or RequireAndVerifyClientCert"
    elif kind != "NoClientCert" and not has_ca:
        yield "client_ca_file", f"{kind} requires this key, or `client_ca`"
    if tls.client_allowed_sans is not None:
        if not tls.client_allowed_sans:
            yield "client_allowed_sans", "expected at least one name"
        if kind not in ("RequireAndVerifyClientCert", "RequireAnyClientCert"):
            yield "client_allowed_sans", "this requires client_auth_type: RequireAndVerifyClientCert"


def notes(web: WebConfig) -> Iterator[str]:
    """Yield warnings about valid settings that differ from Prometheus, or may not be intended."""
    if web.http_server_config.http2:
        yield "http_server_config.http2: HTTP/2 is not supported; clients get HTTP/1.1"
    if TLS13_CIPHERS & {*web.tls_server_config.cipher_suites}:
        yield f"{TLS}.cipher_suites: cipher suites of TLS 1.3 are always enabled; the list applies to TLS 1.2"
    if web.basic_auth_users and not web.is_tls:
        yield f"{USERS}: without {TLS}, passwords are sent unencrypted"
    for user, hashed in web.basic_auth_users.items():
        if hashed.cost > MAX_QUICK_COST:
            yield f"{USERS}.{user}: a login at cost {hashed.cost} takes more than a second; 10 is usual"
