"""The web configuration through `check`: every mistake at once, each one line, and no secret in any."""

from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from exporter.cli import main
from exporter.web import settings
from tests.process import command
from tests.web.secured import certify, hashed

FILES = "cert_file: server.pem, key_file: server.key"
HASH = hashed("x")


def check(folder: Path, text: str) -> Result:
    (folder / "web").mkdir(exist_ok=True)
    (folder / "web" / "web.yml").write_text(text)
    (folder / "config.yaml").write_text("sources: [/var/log/model.jsonl]\nweb_config: web/web.yml\n")
    return CliRunner().invoke(main, ["check", "--config", str(folder / "config.yaml")])


def problems(folder: Path, text: str) -> list[str]:
    result = check(folder, text)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    prefix = f"prediction-exporter: {folder}/config.yaml: web_config: {folder}/web/web.yml"
    assert all(line.startswith(prefix) for line in result.output.splitlines()), result.output
    return [line.removeprefix(prefix).removeprefix(": ") for line in result.output.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose `web` has certificates of all kinds."""
    web = tmp_path / "web"
    web.mkdir()
    ca = trustme.CA()
    certify(web, ca)
    certify(web, ca, at="other")
    ca.cert_pem.write_to_path(web / "ca.pem")
    (web / "empty").touch()
    (web / "encrypted.key").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    (web / "torn.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (web / "torn.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    return tmp_path


def tls(text: str) -> str:
    return f"tls_server_config: {{{FILES}, {text}}}"


TLS = "tls_server_config."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "the file: expected a mapping of keys", id="empty"),
        pytest.param("{", ":1:2: expected the node content", id="no YAML"),
        pytest.param("tls_config: {}", "tls_config: unknown key; did you mean `tls_server_config`?", id="key"),
        pytest.param(
            "{rate_limit: {burst: 1, interval: 1s}, rate_limit: {}}", ":1:40: duplicate key `rate_limit`", id="twice"
        ),
        pytest.param(tls("cert_fil: x"), TLS + "cert_fil: unknown key; did you mean `cert_file`?", id="inner key"),
        pytest.param(
            "tls_server_config: {min_version: TLS13, cert_file: server.pem}",
            TLS + "key_file: this key is required, or `key`",
            id="no key",
        ),
        pytest.param(
            "tls_server_config: {key_file: server.key}",
            TLS + "cert_file: this key is required, or `cert`",
            id="no certificate",
        ),
        pytest.param(tls("cert: x"), TLS + "cert_file: give this or `cert`, not both", id="both"),
        pytest.param(
            "tls_server_config: {cert_file: no.pem, key_file: server.key}",
            TLS + "cert_file: {web}/no.pem: No such file",
            id="no certificate there",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.pem, key_file: no.key}",
            TLS + "key_file: {web}/no.key: No such file",
            id="no key there",
        ),
        pytest.param(
            "tls_server_config: {cert_file: ., key_file: server.key}",
            TLS + "cert_file: {web}: Is a directory",
            id="folder",
        ),
        pytest.param(
            "tls_server_config: {cert_file: empty, key_file: server.key}",
            TLS + "cert_file: {web}/empty: it contains no PEM certificate",
            id="empty certificate",
        ),
        pytest.param(
            "tls_server_config: {cert_file: torn.pem, key_file: server.key}",
            TLS + "cert_file: {web}/torn.pem: it contains no PEM certificate",
            id="torn certificate",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.pem, key_file: torn.key}",
            TLS + "key_file: {web}/torn.key: it cannot be used with the certificate",
            id="torn key",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.pem, key_file: other.key}",
            TLS + "key_file: {web}/other.key: this key does not belong to the certificate",
            id="another's key",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.pem, key_file: encrypted.key}",
            TLS + "key_file: {web}/encrypted.key: the key is encrypted",
            id="encrypted key",
        ),
        pytest.param(
            "tls_server_config: {cert: x, key_file: server.key}",
            TLS + "cert: it contains no PEM certificate",
            id="inline certificate",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.pem, key: s3cret}",
            TLS + "key: it contains no PEM private key",
            id="inline key",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.pem, key: [s3cret]}", TLS + "key: expected text", id="key no text"
        ),
        pytest.param("tls_server_config: s3cret", "tls_server_config: expected a mapping of keys", id="no mapping"),
        pytest.param(
            tls("min_version: TLS11"),
            TLS + "min_version: TLS11 is not safe and not supported; expected TLS12 or TLS13",
            id="TLS 1.1",
        ),
        pytest.param(
            tls("min_version: 1.2"),
            TLS + "min_version: expected TLS10 or TLS11 or TLS12 or TLS13, got 1.2",
            id="version",
        ),
        pytest.param(
            tls("min_version: TLS13, max_version: TLS12"),
            TLS + "max_version: it is below min_version, TLS13",
            id="versions",
        ),
        pytest.param(
            tls("client_auth_type: RequireClientCert"),
            TLS + "client_auth_type: expected NoClientCert or Request",
            id="client auth",
        ),
        pytest.param(
            tls("client_auth_type: RequireAnyClientCert"),
            TLS + "client_auth_type: Python verifies every certificate that it requests; use RequireAndVerify",
            id="any",
        ),
        pytest.param(
            tls("client_auth_type: RequestClientCert"),
            TLS + "client_auth_type: Python verifies every certificate that it requests; use VerifyClientCertIfGiven",
            id="request",
        ),
        pytest.param(
            tls("client_auth_type: RequireAndVerifyClientCert"),
            TLS + "client_ca_file: RequireAndVerifyClientCert requires this key",
            id="no CA",
        ),
        pytest.param(
            tls("client_ca_file: ca.pem"), TLS + "client_auth_type: with a client CA, expected", id="no policy"
        ),
        pytest.param(
            tls("client_auth_type: VerifyClientCertIfGiven, client_ca_file: empty"),
            TLS + "client_ca_file: {web}/empty: it contains no PEM certificate",
            id="empty CA",
        ),
        pytest.param(
            tls("client_auth_type: VerifyClientCertIfGiven, client_ca_file: no.pem"),
            TLS + "client_ca_file: {web}/no.pem: No such file",
            id="no CA there",
        ),
        pytest.param(
            tls("client_auth_type: VerifyClientCertIfGiven, client_ca: x"),
            TLS + "client_ca: it contains no PEM certificate",
            id="inline CA",
        ),
        pytest.param(
            tls("client_allowed_sans: [a]"),
            TLS + "client_allowed_sans: this requires client_auth_type: RequireAnd",
            id="names",
        ),
        pytest.param(
            tls("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: []"),
            TLS + "client_allowed_sans: expected at least one name",
            id="no names",
        ),
        pytest.param(
            tls("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA25]"),
            TLS + "cipher_suites[0]: no such cipher suite 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA25'; did you mean",
            id="cipher",
        ),
        pytest.param(
            tls("cipher_suites: [TLS_AES_128_GCM_SHA256], max_version: TLS12"),
            TLS + "cipher_suites: none of these is for TLS12",
            id="ciphers of another version",
        ),
        pytest.param(
            tls("curve_preferences: [P256]"),
            TLS + "curve_preferences[0]: no such curve 'P256'; did you mean `CurveP256`?",
            id="curve",
        ),
        pytest.param(
            "basic_auth_users: {alice: s3cret}", "basic_auth_users.alice: expected a bcrypt hash as", id="no hash"
        ),
        pytest.param(
            "basic_auth_users: {alice: 123456}",
            "basic_auth_users.alice: expected a bcrypt hash as",
            id="number for a hash",
        ),
        pytest.param(
            f"basic_auth_users: {{alice: {HASH[:-1]}}}",
            "basic_auth_users.alice: expected a bcrypt hash",
            id="short hash",
        ),
        pytest.param(
            f"basic_auth_users: {{alice: {HASH.replace('$04$', '$40$')}}}",
            "basic_auth_users.alice: expected a bcrypt hash",
            id="cost",
        ),
        pytest.param(
            f"basic_auth_users: {{7: {HASH}}}",
            "basic_auth_users.7: expected a user name in quotes",
            id="number for a user",
        ),
        pytest.param(
            f"basic_auth_users: {{'a:b': {HASH}}}",
            "basic_auth_users.a:b: expected a user name without a colon",
            id="colon",
        ),
        pytest.param("basic_auth_users: [alice, s3cret]", "basic_auth_users: expected a mapping", id="list of users"),
        pytest.param("basic_auth_users:", "basic_auth_users: expected a mapping", id="no users"),
        pytest.param("- s3cret", "the file: expected a mapping of keys", id="list"),
        pytest.param(
            "http_server_config: {headers: {Server: x}}", "http_server_config.headers.Server: unknown key", id="header"
        ),
        pytest.param(
            "http_server_config: {headers: {x-frame-options: deny}}",
            "http_server_config.headers.x-frame-options: unknown key; did you mean",
            id="case of a header",
        ),
        pytest.param(
            "http_server_config: {headers: {X-Frame-Options: none}}",
            "http_server_config.headers.X-Frame-Options: expected deny or same",
            id="frames",
        ),
        pytest.param(
            'http_server_config: {headers: {Content-Security-Policy: "a\\r\\nb"}}',
            "http_server_config.headers.Content-Security-Policy: expected text in one line",
            id="two lines",
        ),
        pytest.param("http_server_config: {http2: maybe}", "http_server_config.http2: expected ", id="http2"),
        pytest.param("rate_limit: {interval: 1s}", "rate_limit.burst: this key is required", id="no burst"),
        pytest.param(
            "rate_limit: {interval: soon, burst: 1}", "rate_limit.interval: expected a duration", id="interval"
        ),
        pytest.param(
            "rate_limit: {interval: 1s, burst: 0}", "rate_limit.burst: expected a whole number >= 1", id="burst"
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_key_and_what_was_expected(folder: Path, text: str, expected: str) -> None:
    (line,) = problems(folder, text)
    assert line.startswith(expected.format(web=folder / "web") if "{web}" in expected else expected)
    assert "s3cret" not in line
    assert "123456" not in line


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    text = f"""
tls_server_config: {{cert_file: no.pem, key_file: no.key, min_version: TLS10, cipher_suites: [x], client_ca_file: 7}}
http_server_config: {{headers: {{X-Content-Type-Options: sniff}}}}
basic_auth_users: {{alice: x, bob: {HASH}, carol: y}}
rate_limits: {{}}
"""
    assert sorted(line.split(": ")[0] for line in problems(folder, text)) == [
        "basic_auth_users.alice",
        "basic_auth_users.carol",
        "http_server_config.headers.X-Content-Type-Options",
        "rate_limits",
        "tls_server_config.cert_file",
        "tls_server_config.cipher_suites[0]",
        "tls_server_config.client_ca_file",
        "tls_server_config.key_file",
        "tls_server_config.min_version",
    ]


CLIENTS = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"


@pytest.mark.parametrize(
    "text",
    [
        tls(f"{CLIENTS}, client_allowed_sans: [a]"),
        tls(f"cipher_suites: [{', '.join(settings.CIPHERS)}]"),
        tls("prefer_server_cipher_suites: false"),
        *(tls(f"curve_preferences: [{name}]") for name in settings.CURVES),
        "tls_server_config: {}",
        "http_server_config: {http2: false, headers: {Strict-Transport-Security: max-age=1, X-Frame-Options: ''}}",
        "rate_limit: {interval: 0, burst: 1}",
        "rate_limit: {interval: 1m30s, burst: 5}",
    ],
)
def test_good_files_have_nothing_to_tell(folder: Path, text: str) -> None:
    result = check(folder, text)
    assert result.exit_code == 0, result.output
    assert "web_config" not in result.output


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("http_server_config: {http2: true}", "http_server_config.http2: HTTP/2 is not supported"),
        (
            tls("cipher_suites: [TLS_AES_128_GCM_SHA256]"),
            "tls_server_config.cipher_suites: cipher suites of TLS 1.3 are always enabled",
        ),
        (f"basic_auth_users: {{a: {HASH}}}", "basic_auth_users: without tls_server_config, passwords are sent"),
        (f"basic_auth_users: {{a: {HASH.replace('$04$', '$18$')}}}", "basic_auth_users.a: a login at cost 18 takes"),
    ],
    # A hash is another each time.
    ids=["HTTP/2", "ciphers", "without TLS", "cost"],
)
def test_what_is_done_otherwise_is_noted(folder: Path, text: str, note: str) -> None:
    result = check(folder, text)
    assert result.exit_code == 0
    assert f"note: web_config: {folder}/web/web.yml: {note}" in result.output


def test_more_curves_than_python_can_do_are_refused_or_all_taken(folder: Path) -> None:
    result = check(folder, tls("curve_preferences: [X25519, CurveP256]"))
    assert result.exit_code == 0 or "can set one curve only" in result.output


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    told = command("run", "--source", "/nowhere/*", "--web-config", tmp_path / "web.yml")
    assert told.returncode == 2
    assert told.stderr == f"prediction-exporter: --web-config: {tmp_path}/web.yml: No such file or directory\n"
    told = command("run", "--config", tmp_path / "config.yaml", "--web-config", tmp_path / "web.yml")
    assert told.returncode == 2
    assert "--web-config need --source" in told.stderr
