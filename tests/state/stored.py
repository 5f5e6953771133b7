"""Checkpoint files with any content, and the content of files."""

import hashlib
import zlib
from typing import Any

import msgspec

from exporter.state.checkpoint import HEADER, MAGIC


def whole(content: object, version: int) -> bytes:
    """Return a file with a valid checksum."""
    body = zlib.compress(msgspec.msgpack.encode(content))
    return HEADER.pack(MAGIC, version, hashlib.blake2b(body, digest_size=16).digest()) + body


def content_of(data: bytes) -> Any:
    """Return the content of a file, without types."""
    return msgspec.msgpack.decode(zlib.decompress(data[HEADER.size :]))
