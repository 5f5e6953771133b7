"""When a file at the path is still the one that was being read."""

from pathlib import Path

import pytest

from exporter.lines.framing import CONTEXT_BYTES, Digest, Position
from exporter.lines.stream import Stream
from exporter.sources.file.search import find
from exporter.sources.file.siblings import Siblings

READ = b"".join(b"%06d\n" % number for number in range(1000))
HALF = len(READ) // 2
OTHER = b"x" * CONTEXT_BYTES
KNOWN = Position(len(READ), head=Digest.of(READ[:CONTEXT_BYTES]), context=Digest.of(READ[-CONTEXT_BYTES:]))
UNREAD = Position()


@pytest.mark.parametrize(
    ("known", "content", "is_found"),
    [
        pytest.param(KNOWN, READ + b"more\n", True, id="same file with more"),
        pytest.param(KNOWN, READ, True, id="same file with nothing new"),
        pytest.param(KNOWN, READ[:-1], False, id="shorter"),
        pytest.param(KNOWN, b"", False, id="truncated to nothing"),
        pytest.param(KNOWN, OTHER + READ[CONTEXT_BYTES:], False, id="same size, other head"),
        pytest.param(KNOWN, READ[:-CONTEXT_BYTES] + OTHER, False, id="same size, other context"),
        pytest.param(KNOWN, OTHER * 20, False, id="truncated and outgrown"),
        pytest.param(KNOWN, READ[:HALF] + OTHER * 20, False, id="inode reused, same first line"),
        pytest.param(KNOWN, OTHER + READ[CONTEXT_BYTES:] + b"more\n", False, id="inode reused, same context"),
        pytest.param(UNREAD, b"", True, id="empty and still empty"),
        pytest.param(UNREAD, READ, True, id="empty and now written to"),
    ],
)
@pytest.mark.parametrize("device", ["same device", "other device after a reboot"])
def test_a_file_is_recognised_by_inode_and_content(
    tmp_path: Path,
    known: Position,
    content: bytes,
    is_found: bool,  # noqa: FBT001
    device: str,
) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    status = path.stat()
    stream = Stream("log", str(path), status.st_dev + (device != "same device"), status.st_ino, 1)
    found = find(stream, known, set(), Siblings())
    assert (found is not None) == is_found
    if found:
        found[0].close()


@pytest.mark.parametrize(
    ("known", "content", "is_found"),
    [
        pytest.param(KNOWN, READ, True, id="restored"),
        pytest.param(KNOWN, READ + b"more\n", True, id="rewritten with more"),
        pytest.param(KNOWN, READ[:-1], False, id="shorter"),
        pytest.param(KNOWN, OTHER * 20, False, id="other content"),
        pytest.param(UNREAD, READ, False, id="never read"),
        pytest.param(UNREAD, b"", False, id="never read and empty"),
    ],
)
def test_a_file_with_another_inode_is_recognised_by_its_content(
    tmp_path: Path,
    known: Position,
    content: bytes,
    is_found: bool,  # noqa: FBT001
) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    stream = Stream("log", str(path), path.stat().st_dev, path.stat().st_ino + 1, 1)
    found = find(stream, known, set(), Siblings())
    assert (found is not None) == is_found
    if found:
        found[0].close()
