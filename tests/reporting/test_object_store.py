"""Data in an object store, which a server on this machine plays."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.process import command
from tests.reporting.tables import table, written
from tests.servers import free_port


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the query of addresses in a store that has a folder of current data, and a reference."""
    folder, port = tmp_path_factory.mktemp("store"), free_port()
    server = ThreadedMotoServer("127.0.0.1", port)
    server.start()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    before = {name: os.environ.get(name) for name in keys}
    os.environ |= keys
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
    client.create_bucket(Bucket="models")
    for name, data in (("day/a.parquet", table(400, 1)), ("day/b.parquet", table(400, 2)), ("r.csv", table(500, 3))):
        file = written(folder, name.replace("/", "-"), data)
        client.upload_file(str(file), "models", name)
    yield f"endpoint_override=127.0.0.1:{port}&scheme=http"
    server.stop()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def test_current_data_and_the_reference_may_lie_in_a_bucket(store: str, tmp_path: Path) -> None:
    output = tmp_path / "out.md"
    done = command(
        "report", f"s3://models/day?{store}", "--reference", f"s3://models/r.csv?{store}", "--output", output
    )
    assert done.returncode == 0, done.stderr
    assert "800 of 800 rows of s3://models/day" in output.read_text()


def test_an_object_that_does_not_exist_is_one_line(store: str) -> None:
    done = command("report", f"s3://models/none.parquet?{store}", "--reference", f"s3://models/r.csv?{store}")
    assert done.returncode == 2
    assert "s3://models/none.parquet" in done.stderr
    assert "nothing is there" in done.stderr
    assert done.stderr.count("\n") == 1
