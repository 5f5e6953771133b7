"""TLS contexts from a web configuration, with every mistake in its certificates."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import Any

from exporter import regular_file
from exporter.validation import Problem
from exporter.web.settings import CIPHERS, CURVES, TLS, TLS13_CIPHERS, TlsConfig

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
VERIFY = {
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class TlsError(Exception):
    """The TLS settings cannot be used; `problems` are the mistakes."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class ReloadingSSLContext(ssl.SSLContext):
    """Uses the context that `current` returns for each new connection."""

    current: Callable[[], ssl.SSLContext]

    @classmethod
    def around(cls, current: Callable[[], ssl.SSLContext]) -> ReloadingSSLContext:
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made.current = current
        return made

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        """Called by asyncio, once per connection."""
        return self.current().wrap_bio(*given, **named)


def make(tls: TlsConfig) -> ssl.SSLContext:
    """Return the context for settings without contradictions. Raises TlsError with every mistake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    only_tls13 = tls.cipher_suites and TLS13_CIPHERS.issuperset(tls.cipher_suites)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if only_tls13 else VERSIONS[tls.min_version]
    context.maximum_version = VERSIONS[tls.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    problems = [
        *_certificate(context, tls),
        *_clients(context, tls),
        *_ciphers(context, tls.cipher_suites),
        *_curves(context, tls.curve_preferences),
    ]
    if problems:
        raise TlsError(*(Problem((TLS, key), text) for key, text in problems))
    return context


def has_allowed_san(certificate: Mapping[str, Any] | None, allowed: list[str]) -> bool:
    """Whether a client's certificate, as returned by `getpeercert`, has one of these names."""
    for kind, value in (certificate or {}).get("subjectAltName", ()):
        name = str(value)
        if kind == "IP Address":
            name = ipaddress.ip_address(name.strip()).compressed
        if kind in ("DNS", "email", "URI", "IP Address") and name in allowed:
            return True
    return False


def _read(tls: TlsConfig, name: str) -> tuple[str, str, bytes]:
    """Return the key that sets `name`, the prefix of error messages, and the PEM. Raises OSError."""
    file = getattr(tls, f"{name}_file")
    return (f"{name}_file", f"{file}: ", regular_file.read(file)) if file else (name, "", getattr(tls, name).encode())


def _certificate(context: ssl.SSLContext, tls: TlsConfig) -> Iterator[tuple[str, str]]:
    """Load certificate and key; yield the mistakes in either, or in the pair."""
    found: dict[str, bytes] = {}
    for name, mistake_in in (("cert", _mistake_in_certificate), ("key", _mistake_in_key)):
        try:
            key, called, found[name] = _read(tls, name)
        except OSError as error:
            yield f"{name}_file", f"{getattr(tls, f'{name}_file')}: {error.strerror}"
            found[name] = b""
            continue
        # If neither is set, that has been reported already.
        if (found[name] or called) and (wrong := mistake_in(found[name])):
            yield key, f"{called}{wrong}"
            found[name] = b""
    if not all(found.values()):
        return
    key_key, called, _ = _read(tls, "key")
    try:
        with _as_file(found["cert"]) as cert, _as_file(found["key"]) as private:
            context.load_cert_chain(cert, private, password=b"")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield key_key, f"{called}this key does not belong to the certificate"
        else:
            yield key_key, f"{called}it cannot be used with the certificate: {_reason(error)}"


def _mistake_in_certificate(pem: bytes) -> str | None:
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        return "it contains no PEM certificate"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=pem.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError) as error:
        return f"it contains no PEM certificate: {_reason(error)}"
    return None


def _mistake_in_key(pem: bytes) -> str | None:
    if b"PRIVATE KEY-----" not in pem:
        return "it contains no PEM private key"
    return "the key is encrypted; expected one without a passphrase" if b"ENCRYPTED" in pem else None


def _clients(context: ssl.SSLContext, tls: TlsConfig) -> Iterator[tuple[str, str]]:
    if tls.client_auth_type not in VERIFY:
        return
    context.verify_mode = VERIFY[tls.client_auth_type]
    try:
        key, called, pem = _read(tls, "client_ca")
    except OSError as error:
        yield "client_ca_file", f"{tls.client_ca_file}: {error.strerror}"
        return
    if not pem and not called:
        return
    if wrong := _mistake_in_certificate(pem):
        yield key, f"{called}{wrong}"
    else:
        context.load_verify_locations(cadata=pem.decode("ascii", "replace"))


def _ciphers(context: ssl.SSLContext, names: list[str]) -> Iterator[tuple[str, str]]:
    usable = []
    for index, name in enumerate(names):
        if name in TLS13_CIPHERS:
            continue
        try:
            context.set_ciphers(CIPHERS[name])
            usable.append(CIPHERS[name])
        except ssl.SSLError:
            yield f"cipher_suites[{index}]", f"{name} is not in {ssl.OPENSSL_VERSION}"
    if usable:
        context.set_ciphers(":".join(usable))


def _curves(context: ssl.SSLContext, names: list[str]) -> Iterator[tuple[str, str]]:
    spelt = [CURVES[name] for name in names]
    # Since Python 3.15.
    set_groups = getattr(context, "set_groups", None)
    if set_groups and spelt:
        set_groups(":".join(spelt))
    elif len(spelt) > 1:
        yield "curve_preferences", "this version of Python can set one curve only; give one, or remove the key"
    elif spelt:
        try:
            context.set_ecdh_curve(spelt[0])
        except (ssl.SSLError, ValueError):
            yield "curve_preferences[0]", f"{names[0]} is not in {ssl.OPENSSL_VERSION}"


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """Yield the path of a temporary file, in memory on Linux, because Python loads keys only from files."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pem")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with NamedTemporaryFile() as named:
            named.write(data)
            named.flush()
            yield named.name


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else " ".join(str(error).split())
