"""Clients that do not send, and clients that do not read."""

import asyncio
import socket
import sys
import time

import pytest

from exporter.exposition.exposition import Accept, Exposition
from exporter.serving import connections, server

PAGE_BYTES = 64 * 2**20


async def scrape(_: Accept) -> Exposition:
    return Exposition(b"x" * PAGE_BYTES, "text/plain", None)


def ended_after(monkeypatch: pytest.MonkeyPatch, sent: bytes, *more: bytes) -> float:
    """Return after how many seconds the server ends a connection on which this is sent."""
    monkeypatch.setattr(server, "IDLE_SECONDS", 1.0)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 1.0)

    async def inside() -> float:
        serving = await server.Site(scrape, lambda: True, dict, None, None).start("127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", serving.port)) as client:
            client.sendall(sent)
            start = time.monotonic()
            for trickle in (*more, b""):
                await asyncio.sleep(0.2)
                client.sendall(trickle)
            assert serving.connections
            while serving.connections and time.monotonic() < start + 20:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            took = time.monotonic() - start
        await serving.close()
        return took

    return asyncio.run(inside())


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_who_sends_no_whole_request_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    assert 0.5 < ended_after(monkeypatch, head) < 5


def test_a_head_that_trickles_in_does_not_last_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended_after(monkeypatch, b"GET / HTTP/1.1\r\n", b"A: a\r\n", b"B: b\r\n", b"C: c\r\n") < 5


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's TCP_USER_TIMEOUT")
def test_who_does_not_read_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0.5 < ended_after(monkeypatch, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n") < 15
