"""TLS of a running sidecar, with real certificates, while they are changed."""

import http.client
import json
import ssl
from pathlib import Path

import pytest
import trustme

from tests.process import DEADLINE_SECONDS, exporter
from tests.web.secured import RELOADED, Site, basic, certify, hashed, replace, site, trusting

FILES = {"cert_file": "server.pem", "key_file": "server.key"}


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


def serial(site: Site, context: ssl.SSLContext) -> str:
    """Return the number of the certificate that a new connection gets."""
    connection = http.client.HTTPSConnection(site.host, site.port, timeout=DEADLINE_SECONDS, context=context)
    try:
        connection.connect()
        return str(connection.sock.getpeercert()["serialNumber"])
    finally:
        connection.close()


def test_metrics_over_tls_and_not_without(tmp_path: Path, ca: trustme.CA) -> None:
    certify(tmp_path, ca)
    with site(tmp_path, {"tls_server_config": FILES}) as running:
        assert running.scheme == "https"
        answer = running.ask(tls=trusting(ca))
        assert answer.status == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        with pytest.raises(ssl.SSLCertVerificationError):
            running.ask(tls=ssl.create_default_context())
        plain = http.client.HTTPConnection(running.host, running.port, timeout=DEADLINE_SECONDS)
        plain.request("GET", "/metrics")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            plain.getresponse()
        plain.close()
        assert running.process.stop() == 0
        assert "Traceback" not in running.process.said


def test_inline_certificate(tmp_path: Path, ca: trustme.CA) -> None:
    certify(tmp_path, ca)
    inline = {"cert": (tmp_path / "server.pem").read_text(), "key": (tmp_path / "server.key").read_text()}
    with site(tmp_path, {"tls_server_config": inline}) as running:
        assert running.status(tls=trusting(ca)) == 200
        assert inline["key"][40:80] not in running.process.said


@pytest.mark.parametrize(
    ("policy", "most", "expected"),
    [
        pytest.param({}, ssl.TLSVersion.TLSv1_2, ("TLSv1.2", None), id="1.2 by default"),
        pytest.param({}, None, ("TLSv1.3", None), id="1.3 by default"),
        pytest.param({"min_version": "TLS13"}, ssl.TLSVersion.TLSv1_2, None, id="1.2 refused"),
        pytest.param({"max_version": "TLS12"}, None, ("TLSv1.2", None), id="1.2 at most"),
        pytest.param({"cipher_suites": ["TLS_AES_128_GCM_SHA256"]}, ssl.TLSVersion.TLSv1_2, None, id="1.3 only"),
        pytest.param(
            {"cipher_suites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]},
            ssl.TLSVersion.TLSv1_2,
            ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
            id="cipher",
        ),
        pytest.param({"curve_preferences": ["CurveP384"]}, None, ("TLSv1.3", None), id="curve"),
    ],
)
def test_versions_and_ciphers(
    tmp_path: Path,
    ca: trustme.CA,
    policy: dict[str, object],
    most: ssl.TLSVersion | None,
    expected: tuple[str, str | None] | None,
) -> None:
    certify(tmp_path, ca)
    context = trusting(ca)
    if most:
        context.maximum_version = most
    with site(tmp_path, {"tls_server_config": FILES | policy}) as running:
        connection = http.client.HTTPSConnection(running.host, running.port, timeout=DEADLINE_SECONDS, context=context)
        if expected is None:
            with pytest.raises(ssl.SSLError):
                connection.connect()
        else:
            version, cipher = expected
            connection.connect()
            assert connection.sock.version() == version
            assert cipher in (None, connection.sock.cipher()[0])
        connection.close()


def test_a_new_certificate_is_taken_and_a_broken_one_is_not(tmp_path: Path, ca: trustme.CA) -> None:
    certify(tmp_path, ca)
    context = trusting(ca)
    with site(tmp_path, {"tls_server_config": FILES}) as running:
        first = serial(running, context)
        # The halves of a pair come one after the other.
        certify(tmp_path, ca, at="next")
        replace(tmp_path / "server.pem", (tmp_path / "next.pem").read_bytes())
        assert serial(running, context) == first
        assert f"{RELOADED} 0.0" in running.ask(tls=context).text
        replace(tmp_path / "server.key", (tmp_path / "next.key").read_bytes())
        second = serial(running, context)
        assert second != first
        assert f"{RELOADED} 1.0" in running.ask(tls=context).text
        replace(tmp_path / "server.pem", "no certificate")
        for _ in range(5):
            assert serial(running, context) == second
        broken = running.process.entries("invalid web configuration; keeping the previous one")
        assert len(broken) == 2
        assert "this key does not belong to the certificate" in broken[0]["problems"][0]
        assert "server.pem: it contains no PEM certificate" in broken[1]["problems"][0]
        (tmp_path / "server.pem").unlink()
        assert serial(running, context) == second
        # What is mended is taken again.
        certify(tmp_path, ca, at="third")
        replace(tmp_path / "server.pem", (tmp_path / "third.pem").read_bytes())
        replace(tmp_path / "server.key", (tmp_path / "third.key").read_bytes())
        assert serial(running, context) not in (first, second)


def test_tls_does_not_go_without_a_restart(tmp_path: Path, ca: trustme.CA) -> None:
    certify(tmp_path, ca)
    with site(tmp_path, {"tls_server_config": FILES}) as running:
        replace(tmp_path / "web.yml", "basic_auth_users: {}")
        assert f"{RELOADED} 0.0" in running.ask(tls=trusting(ca)).text
        assert "adding or removing TLS needs a restart" in running.process.said


CLIENTS = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "clients.pem"}


def is_refused(running: Site, context: ssl.SSLContext) -> bool:
    """Whether TLS is refused; in TLS 1.3 a client learns it when it reads."""
    try:
        running.ask(tls=context)
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return True
    return False


def test_client_certificates(tmp_path: Path, ca: trustme.CA) -> None:
    certify(tmp_path, ca)
    clients, others = trustme.CA(), trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    with site(tmp_path, {"tls_server_config": FILES | CLIENTS}) as running:
        assert running.status(tls=trusting(ca, clients.issue_cert("scraper"))) == 200
        assert is_refused(running, trusting(ca))
        assert is_refused(running, trusting(ca, others.issue_cert("scraper")))
        # The CA is read again too.
        replace(tmp_path / "clients.pem", others.cert_pem.bytes())
        assert running.status(tls=trusting(ca, others.issue_cert("scraper"))) == 200
        assert is_refused(running, trusting(ca, clients.issue_cert("scraper")))


def test_client_certificates_if_given(tmp_path: Path, ca: trustme.CA) -> None:
    certify(tmp_path, ca)
    ca.cert_pem.write_to_path(tmp_path / "clients.pem")
    policy = CLIENTS | {"client_auth_type": "VerifyClientCertIfGiven"}
    with site(tmp_path, {"tls_server_config": FILES | policy}) as running:
        assert running.status(tls=trusting(ca)) == 200
        assert is_refused(running, trusting(ca, trustme.CA().issue_cert("scraper")))


@pytest.mark.parametrize("name", ["scraper.example", "10.1.2.3", "fd00::7", "ops@example.org"])
def test_only_clients_of_an_allowed_name(tmp_path: Path, ca: trustme.CA, name: str) -> None:
    certify(tmp_path, ca)
    ca.cert_pem.write_to_path(tmp_path / "clients.pem")
    with site(tmp_path, {"tls_server_config": FILES | CLIENTS | {"client_allowed_sans": [name]}}) as running:
        assert running.status(tls=trusting(ca, ca.issue_cert("another.example", name))) == 200
        for other in ("another.example", "10.1.2.30", "x.scraper.example", "scraper.example.org"):
            assert running.status(tls=trusting(ca, ca.issue_cert(other))) == 403


def test_on_the_command_line_and_with_a_password(tmp_path: Path, ca: trustme.CA) -> None:
    (tmp_path / "deep").mkdir()
    certify(tmp_path / "deep", ca)
    web = tmp_path / "deep" / "web.yml"
    web.write_text(json.dumps({"tls_server_config": FILES, "basic_auth_users": {"a": hashed("b")}}))
    with exporter("--source", "/nowhere/*", "--listen", "127.0.0.1:0", "--web-config", web) as process:
        running = Site(process)
        assert running.status(tls=trusting(ca)) == 401
        assert running.status(tls=trusting(ca), headers=basic("a", "b")) == 200
