"""Connections to the address of /metrics: so many at a time, and so much that their clients leave unread."""

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from exporter.exposition.exposition import Accept, Exposition
from exporter.serving import connections, server
from tests.process import DEADLINE_SECONDS
from tests.web.secured import certify, site, trusting

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
REFUSED = "prediction_exporter_http_refused_connections_total"
MOST = connections.MAX_CONNECTIONS


def answer(one: socket.socket) -> bytes:
    """Return the beginning of an answer; nothing where the other side hangs up."""
    try:
        return one.recv(12)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_oldest_of_too_many_connections_is_closed(tmp_path: Path, *, tls: bool) -> None:
    ca = trustme.CA()
    certify(tmp_path, ca)
    web = {"tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"}} if tls else {}
    client_tls = trusting(ca) if tls else None
    with site(tmp_path, web) as running:
        # Of those that speak TLS, none has shaken hands.
        silent = [socket.create_connection((running.host, running.port), timeout=DEADLINE_SECONDS) for _ in range(MOST)]
        try:
            page = running.ask(tls=client_tls).text  # type: ignore[attr-defined]
            assert answer(silent[0]) == b""
            assert f"prediction_exporter_http_open_connections {MOST}.0\n" in page
            assert f'{REFUSED}{{reason="limit"}} 1.0\n' in page
        finally:
            for one in silent:
                one.close()


def test_who_does_not_shake_hands_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 0.2)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certify(tmp_path, trustme.CA())
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    async def inside() -> None:
        serving = await server.Site(small, lambda *_: None, lambda: True, dict, None, None).start(
            "127.0.0.1", 0, context
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        assert await asyncio.wait_for(reader.read(), DEADLINE_SECONDS) == b""
        assert serving.connections == 0
        writer.close()
        await serving.close()

    asyncio.run(inside())


async def small(_: Accept, _scraper: str | None) -> Exposition:
    return Exposition(b"up 1\n", "text/plain", None, 1)


async def large(_: Accept, _scraper: str | None) -> Exposition:
    return Exposition(b"x" * 32 * 2**20, "text/plain", None, 1)


def test_who_reads_too_slowly_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "RESPONSE_SECONDS", 0.3)
    told: list[str] = []

    async def inside() -> None:
        serving = await server.Site(large, lambda *_: None, lambda: True, dict, None, None, told.append).start(
            "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        writer.write(REQUEST)
        begin = time.monotonic()
        read = 0
        with suppress(ConnectionError):
            # It does read, and so the kernel takes it for alive.
            while data := await reader.read(50_000):
                read += len(data)
                assert time.monotonic() < begin + DEADLINE_SECONDS
                await asyncio.sleep(0.01)
        assert read < 32 * 2**20
        assert told == ["slow"]
        assert serving.connections == 0
        writer.close()
        await serving.close()

    asyncio.run(inside())


def test_what_clients_leave_unread_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_UNSENT_BYTES", 40 * 2**20)

    async def inside() -> None:
        serving = await server.Site(large, lambda *_: None, lambda: True, dict, None, None).start("127.0.0.1", 0)
        slow, one = await asyncio.open_connection("127.0.0.1", serving.port)
        one.write(REQUEST)
        assert (await slow.read(12)) == b"HTTP/1.1 200"
        quick, other = await asyncio.open_connection("127.0.0.1", serving.port)
        other.write(REQUEST)
        assert (await quick.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503 ")
        assert await quick.readexactly(27) == b"too many responses at once\n"
        # Once the other has read its own, there is room.
        await slow.readexactly(32 * 2**20)
        other.write(REQUEST)
        assert (await quick.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        one.close()
        other.close()
        await serving.close()

    asyncio.run(inside())
