"""Passwords, headers and the rate of a running sidecar."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.process import DEADLINE_SECONDS
from tests.web.secured import RELOADED, basic, hashed, replace, site

ALICE = {"basic_auth_users": {"alice": hashed("wonderland"), "björn": hashed("skål: å")}}


def test_only_who_has_the_password_may_read(tmp_path: Path) -> None:
    with site(tmp_path, ALICE) as running:
        for path in ("/metrics", "/", "/api/v1/status", "/-/healthy", "/-/ready", "/nowhere"):
            answer = running.ask(path)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for wrong in (
            basic("alice", "wonder"),
            basic("alice", ""),
            basic("", ""),
            basic("bob", "wonderland"),
            basic("alice", "wonderland" + "\0"),
            basic("alice", "x" * 3000),
            {"Authorization": "Basic"},
            {"Authorization": "Basic !!!"},
            {"Authorization": "Basic YWxpY2U="},
            {"Authorization": "Bearer wonderland"},
            {"Authorization": "Basic " + "/w" * 40},
        ):
            assert running.status(headers=wrong) == 401
        for _ in range(2):
            assert running.status(headers=basic("alice", "wonderland")) == 200
            assert running.status(headers=basic("björn", "skål: å")) == 200
        assert running.status("/nowhere", headers=basic("alice", "wonderland")) == 404
        assert "passwords are sent unencrypted" in running.process.said
        assert "wonderland" not in running.process.said


def test_a_new_user_and_a_new_password_count_at_once_and_a_broken_file_does_not(tmp_path: Path) -> None:
    with site(tmp_path, ALICE) as running:
        alice = basic("alice", "wonderland")
        assert running.status(headers=alice) == 200
        replace(tmp_path / "web.yml", f"basic_auth_users: {{bob: {hashed('builder')}, alice: {hashed('mirror')}}}")
        assert running.status(headers=basic("bob", "builder")) == 200
        assert running.status(headers=alice) == 401
        assert running.status(headers=basic("alice", "mirror")) == 200
        for broken in ("", "basic_auth_users: {alice: hunter2}", "basic_auth_users: [hunter2]", "basic_auth_users: {"):
            replace(tmp_path / "web.yml", broken)
            assert running.status() == 401
            assert f"{RELOADED} 0.0" in running.ask(headers=basic("bob", "builder")).text
        assert len(running.process.entries("invalid web configuration; keeping the previous one")) == 4
        assert "hunter2" not in running.process.said
        replace(tmp_path / "web.yml", f"basic_auth_users: {{bob: {hashed('builder')}}}")
        assert f"{RELOADED} 1.0" in running.ask(headers=basic("bob", "builder")).text


def test_half_a_file_is_not_taken_before_it_is_whole(tmp_path: Path) -> None:
    with site(tmp_path, ALICE) as running:
        (tmp_path / "web.yml").write_text("http_server_config: {http2: false}\n")
        assert running.status() == 401


@pytest.mark.parametrize(("token", "statuses"), [("token_file: token", (401, 200, 401)), ("", (401, 401, 200))])
def test_a_source_with_a_token_needs_that_and_others_the_password(
    tmp_path: Path, token: str, statuses: tuple[int, ...]
) -> None:
    (tmp_path / "token").write_text("s3cret")
    source = f"{{url: http:///v1/predictions, {token}}}"
    with site(tmp_path, ALICE, source) as running:
        for headers, status in zip(
            ({}, {"Authorization": "Bearer s3cret"}, basic("alice", "wonderland")), statuses, strict=True
        ):
            sent = {"Content-Type": "application/x-ndjson"} | headers
            assert running.status("/v1/predictions", headers=sent, body='{"prediction": "a"}') == status
        assert running.status("/v1/predictions", headers={"Authorization": "Bearer s3cret"}) == 401
        assert running.status("/metrics", headers={"Authorization": "Bearer s3cret"}) == 401


def test_many_at_once_who_have_the_password_are_all_answered(tmp_path: Path) -> None:
    with site(tmp_path, ALICE) as running, ThreadPoolExecutor(20) as clients:
        asking = [clients.submit(running.status, headers=basic("alice", "wonderland")) for _ in range(60)]
        assert {one.result() for one in asking} == {200}


def test_headers_are_on_every_answer_and_can_be_changed(tmp_path: Path) -> None:
    headers = {"X-Frame-Options": "deny", "Content-Security-Policy": "default-src 'none'", "X-XSS-Protection": ""}
    with site(tmp_path, {"http_server_config": {"http2": True, "headers": headers}}) as running:
        for path in ("/metrics", "/nowhere"):
            answer = running.ask(path)
            assert answer.headers["X-Frame-Options"] == "deny"
            assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "X-XSS-Protection" not in answer.headers
        assert "HTTP/2 is not supported" in running.process.said
        replace(tmp_path / "web.yml", "http_server_config: {headers: {X-Frame-Options: sameorigin}}")
        assert running.ask().headers["X-Frame-Options"] == "sameorigin"


def test_past_the_rate_it_is_429_before_any_password(tmp_path: Path) -> None:
    with site(tmp_path, ALICE | {"rate_limit": {"interval": "1h", "burst": 3}}) as running:
        assert [running.status() for _ in range(5)] == [401, 401, 401, 429, 429]
        assert running.ask().headers["Retry-After"] == "1"
        replace(tmp_path / "web.yml", "rate_limit: {interval: 0, burst: 1}")
        assert [running.status() for _ in range(5)] == [200] * 5


def test_a_request_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with site(tmp_path, ALICE) as running, socket.create_connection((running.host, running.port)) as one:
        one.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n")
        assert one.recv(100).startswith(b"HTTP/1.0 400 ")


def test_what_a_client_sends_is_not_logged(tmp_path: Path) -> None:
    bad = (b"Host: a\r\nContent-Length: s3cret", b"Content-Length: 1\r\nTransfer-Encoding: s3cret", b"s3cret")
    with site(tmp_path, ALICE) as running:
        for header in (*bad, b"Host: a\r\nAuthorization: Basic \xff\xfe s3cret"):
            with socket.create_connection((running.host, running.port), timeout=DEADLINE_SECONDS) as one:
                one.sendall(b"GET /metrics HTTP/1.1\r\n" + header + b"\r\n\r\n")
                assert one.recv(100).split()[1] in {b"400", b"401"}
        assert "s3cret" not in running.process.said
        assert all(line.startswith("{") for line in running.process.said.splitlines())
