"""Prometheus's web configuration as typed Structs, and the mistakes that their types do not show.

https://prometheus.io/docs/prometheus/latest/configuration/https/ and exporter-toolkit's docs/web-configuration.md.
Pure: no file is read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from exporter.validation import Problem, nearest
from exporter.web.values import BcryptHash, HeaderValue, Interval, Secret

TLS = "tls_server_config"
USERS = "basic_auth_users"
RATE = "rate_limit"
# A login at a higher cost takes more than a second.
MAX_QUICK_COST = 14

# Go's names, which Prometheus uses, and OpenSSL's. Those of TLS 1.3 are always on, in Go as here.
TLS13_CIPHERS = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
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

Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


class TlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How TLS is spoken."""

    cert: str = ""
    """The certificate itself, as PEM."""
    key: Secret = Secret()
    """Its private key itself, as PEM."""
    client_ca: str = ""
    """The authorities that clients' certificates are of, as PEM."""
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
    """Whether clients show a certificate. The second and third are refused: Python verifies all that it asks for."""
    client_allowed_sans: list[str] | None = None
    """The names of which a client's certificate needs one; others get 403."""
    min_version: Version = "TLS12"
    """The oldest version of TLS that is spoken; TLS12 at least."""
    max_version: Version = "TLS13"
    """The newest version of TLS that is spoken."""
    cipher_suites: list[str] = []
    """Those of TLS 1.2, by their names in Go; without any, Python's."""
    prefer_server_cipher_suites: bool = True
    """Whether the server's order of ciphers counts."""
    curve_preferences: list[str] = []
    """The curves of the key exchange; more than one needs Python 3.15."""


class Headers(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename=lambda name: name.replace("_", "-").title().replace("Xss", "XSS"),
):
    """The headers that exporter-toolkit lets be set; blank is unset."""

    content_security_policy: HeaderValue = HeaderValue()
    """Sent with each answer, if it is given."""
    x_frame_options: Literal["deny", "sameorigin", ""] = ""
    """The same."""
    x_content_type_options: Literal["nosniff", ""] = ""
    """Sent in any case."""
    x_xss_protection: HeaderValue = HeaderValue()
    """Sent with each answer, if it is given."""
    strict_transport_security: HeaderValue = HeaderValue()
    """The same; browsers heed it over TLS alone."""


class HttpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How HTTP is spoken."""

    http2: bool | None = None
    """Taken for the sake of shared files; HTTP/2 is not spoken."""
    headers: Headers = Headers()
    """Headers of each answer."""


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token bucket: `burst` requests at once, and one more each `interval`."""

    interval: Interval
    """How often one more request is let in; 0 is no limit."""
    burst: Annotated[int, msgspec.Meta(gt=0)]
    """How many requests are let in at once."""


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of it."""

    tls_server_config: TlsConfig = TlsConfig()
    """How TLS is spoken; without it, it is not."""
    http_server_config: HttpConfig = HttpConfig()
    """How HTTP is spoken."""
    basic_auth_users: dict[str, BcryptHash] = {}
    """Hashes of passwords by user, as `htpasswd -nBC 10 USER` makes them."""
    rate_limit: RateLimit | None = None
    """A token bucket for all requests; past it they get 429."""

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
        for key, text in _about_tls(web.tls_server_config):
            yield Problem((TLS, key), text)


def _about_tls(tls: TlsConfig) -> Iterator[tuple[str, str]]:
    for name in ("cert", "key", "client_ca"):
        given = [bool(getattr(tls, key)) for key in (name, f"{name}_file")]
        if all(given):
            yield f"{name}_file", f"give this or `{name}`, not both"
        elif not any(given) and name != "client_ca":
            yield f"{name}_file", f"this key is required, or `{name}`"
    yield from _about_versions(tls)
    yield from _about_clients(tls)


def _about_versions(tls: TlsConfig) -> Iterator[tuple[str, str]]:
    for key in ("min_version", "max_version"):
        if getattr(tls, key) in ("TLS10", "TLS11"):
            yield key, f"{getattr(tls, key)} is not safe and not spoken; expected TLS12 or TLS13"
    if tls.min_version > tls.max_version:
        yield "max_version", f"it is below min_version, {tls.min_version}"
    for index, name in enumerate(tls.cipher_suites):
        if name not in CIPHERS and name not in TLS13_CIPHERS:
            yield f"cipher_suites[{index}]", f"no such cipher suite {name!r}{nearest(name, {*CIPHERS, *TLS13_CIPHERS})}"
    if tls.cipher_suites and TLS13_CIPHERS.issuperset(tls.cipher_suites) and tls.max_version < "TLS13":
        yield "cipher_suites", f"none of these is for {tls.max_version}, which is the max_version"
    for index, name in enumerate(tls.curve_preferences):
        if name not in CURVES:
            yield f"curve_preferences[{index}]", f"no such curve {name!r}{nearest(name, CURVES)}"


def _about_clients(tls: TlsConfig) -> Iterator[tuple[str, str]]:
    has_ca = bool(tls.client_ca or tls.client_ca_file)
    kind = tls.client_auth_type
    unverified = {
        "RequestClientCert": "VerifyClientCertIfGiven",
        "RequireAnyClientCert": "RequireAndVerifyClientCert",
    }
    if kind in unverified:
        yield (
            "client_auth_type",
            f"Python's TLS verifies each certificate that it asks for; use {unverified[kind]}, with a client_ca_file",
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
    """What is no mistake, but is not as Prometheus would do it, or may not be meant."""
    if web.http_server_config.http2:
        yield "http_server_config.http2: HTTP/2 is not spoken here; clients get HTTP/1.1"
    if TLS13_CIPHERS & {*web.tls_server_config.cipher_suites}:
        yield f"{TLS}.cipher_suites: those of TLS 1.3 are always on; the list is for TLS 1.2"
    if web.basic_auth_users and not web.is_tls:
        yield f"{USERS}: without {TLS}, passwords can be read on the way"
    for user, hashed in web.basic_auth_users.items():
        if hashed.cost > MAX_QUICK_COST:
            yield f"{USERS}.{user}: a login at cost {hashed.cost} takes more than a second; 10 is usual"
