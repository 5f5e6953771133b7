"""Clients that do not send, and clients that do not read."""

import asyncio
import socket
import sys
import time
from contextlib import suppress

import pytest

from exporter.exposition.exposition import Accept, Exposition
from exporter.serving import connections, server
from tests.process import DEADLINE_SECONDS

PAGE_BYTES = 64 * 2**20


async def scrape(_: Accept, _scraper: str | None) -> Exposition:
    return Exposition(b"x" * PAGE_BYTES, "text/plain", None, 1)


def seconds_until_closed(monkeypatch: pytest.MonkeyPatch, sent: bytes, trickle: bytes = b"") -> float:
    """Return after how many seconds the server closes a connection on which this is sent, and then a trickle."""
    monkeypatch.setattr(server, "IDLE_SECONDS", 1.0)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 1.0)

    async def inside() -> float:
        serving = await server.Site(scrape, lambda *_: None, lambda: True, dict, None, None).start("127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", serving.port)) as client, suppress(ConnectionError):
            client.sendall(sent)
            start = time.monotonic()
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not serving.connections:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                while serving.connections:
                    await asyncio.sleep(0.05)
                    client.sendall(trickle)
        took = time.monotonic() - start
        await serving.close()
        return took

    return asyncio.run(inside())


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_who_sends_no_whole_request_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    assert seconds_until_closed(monkeypatch, head) > 0.5


def test_a_head_that_trickles_in_without_end_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seconds_until_closed(monkeypatch, b"GET / HTTP/1.1\r\nA: a", b"a") > 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's TCP_USER_TIMEOUT")
def test_who_does_not_read_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seconds_until_closed(monkeypatch, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n") > 0.5
