"""The file that services copy: a handler for logging and a middleware for ASGI, which send to the exporter's socket."""

import asyncio
import json
import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
import yaml

from deploy import client
from deploy.client.prediction_log import PredictionHandler, PredictionMiddleware, Sender
from exporter.configuration import loading
from exporter.offline.first_records import first_records
from tests.process import wait_until

JSON = {"content-type": "application/json"}
BODY = json.dumps({"features": {"age": 41}}).encode()


class Listener:
    """A socket as the exporter's, which collects lines."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()

    def lines(self, count: int) -> list[Any]:
        connection, _ = self.socket.accept()
        with connection, connection.makefile() as file:
            return [json.loads(file.readline()) for _ in range(count)]


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    found = Listener(tmp_path / "s")
    with found.socket:
        yield found


def sender(folder: Path, capacity: int = 100) -> Sender:
    return Sender(f"unix://{folder / 's'}", capacity)


async def app(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if scope["path"] == "/predict/crash":
        raise ValueError
    await send(
        {"type": "http.response.start", "status": 422 if scope["path"] == "/predict/bad" else 200, "headers": []}
    )
    await send({"type": "http.response.body", "body": b'{"label": "yes"}'})


def request(middleware: PredictionMiddleware, path: str) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": BODY}

    async def send(_: Any) -> None:
        pass

    asyncio.run(middleware({"type": "http", "path": path}, receive, send))


def test_the_handler_sends_what_a_log_record_adds(tmp_path: Path, listener: Listener) -> None:
    log = logging.Logger("model")  # noqa: LOG001  # not shared with other tests
    handler = PredictionHandler(sender(tmp_path))
    log.addHandler(handler)
    log.info("started")
    log.info("prediction", extra={"prediction": "yes", "features": {"age": 41}, "latency_ms": 1.5})
    (record,) = listener.lines(1)
    assert time.time() - 60 < record.pop("timestamp") <= time.time()
    assert record == {"prediction": "yes", "features": {"age": 41}, "latency_ms": 1.5}
    wait_until(lambda: handler.sender.sent == 1)
    assert handler.sender.dropped == 0


def test_the_middleware_sends_requests_with_their_responses(tmp_path: Path, listener: Listener) -> None:
    middleware = PredictionMiddleware(app, sender(tmp_path))
    for path in ("/health", "/predict", "/predict/bad"):
        request(middleware, path)
    with pytest.raises(ValueError):  # noqa: PT011  # the application's own
        request(middleware, "/predict/crash")
    good, bad, crashed = listener.lines(3)
    assert (good["path"], good["status"], "error_type" in good) == ("/predict", 200, False)
    assert (good["request"], good["response"]) == ({"features": {"age": 41}}, {"label": "yes"})
    assert good["latency_ms"] >= 0
    assert (bad["error_type"], crashed["error_type"]) == ("422", "ValueError")


async def answers(service: Any) -> list[tuple[int, str]]:
    """Return the answers to a good request, a failing one and one that is not JSON."""
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=JSON) as web:
        found = [await web.post("/predict", content=content) for content in (BODY, b"{}", b"{")]
    return [(answer.status_code, answer.text) for answer in found]


def test_the_page_s_service_sends_what_the_page_s_configuration_reads(tmp_path: Path, listener: Listener) -> None:
    page = (Path(client.__file__).parent / "README.md").read_text()
    service, config = (re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)[0] for language in ("python", "yaml"))
    found: dict[str, Any] = {}
    exec(service.replace("from prediction_log", "from deploy.client.prediction_log"), found)
    # The middleware is made with the first request.
    found["app"].user_middleware[0].kwargs["sender"] = sender(tmp_path)
    assert asyncio.run(answers(found["app"])) == [(200, '{"label":"yes"}'), (500, "Internal Server Error"), (422, ANY)]
    lines = listener.lines(3)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = yaml.safe_load(config)["sources"][0] | {"url": str(tmp_path / "log.jsonl")}
    loaded = loading.from_data({"sources": [options]})
    seen = first_records(loaded, loaded.config.sources[0], [str(tmp_path / "log.jsonl")], time.time())
    assert (seen.accepted, seen.rejected) == (3, {})
    assert {name for batch in seen.batches for name in batch.error.names} == {"KeyError", "422"}
    assert seen.records[0]["features"] == {"age": 41}


def test_without_an_exporter_records_are_dropped_and_counted_at_once(tmp_path: Path) -> None:
    waiting = sender(tmp_path, capacity=10)
    begin = time.monotonic()
    results = [waiting.send({"prediction": 1}) for _ in range(1000)]
    assert time.monotonic() - begin < 1
    # The thread may have taken one already.
    assert sum(results) in (10, 11)
    assert waiting.dropped == results.count(False)


def test_what_waits_is_sent_once_the_exporter_is_there(tmp_path: Path) -> None:
    waiting = sender(tmp_path)
    for number in range(3):
        waiting.send({"prediction": number})
    listener = Listener(tmp_path / "s")
    with listener.socket:
        assert [record["prediction"] for record in listener.lines(3)] == [0, 1, 2]
        # The connection was closed: another one is made.
        waiting.send({"prediction": 3})
        assert listener.lines(1) == [{"prediction": 3}]


def test_a_record_that_cannot_be_written_is_dropped(tmp_path: Path, listener: Listener) -> None:
    own = sender(tmp_path)
    circle: dict[str, Any] = {}
    circle["prediction"] = circle
    own.send(circle)
    own.send({"prediction": Path("a")})
    assert listener.lines(1) == [{"prediction": "a"}]
    assert own.dropped == 1


def test_a_child_process_sends_from_a_thread_of_its_own(tmp_path: Path, listener: Listener) -> None:
    own = sender(tmp_path)
    child = os.fork()
    if child == 0:
        own.send({"prediction": "child"})
        own.close(10)
        os._exit(0)
    assert listener.lines(1) == [{"prediction": "child"}]
    os.waitpid(child, 0)
