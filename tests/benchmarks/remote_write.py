"""Prometheus's remote write protocol 1.0, to give a running Prometheus a history."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Mapping

import numpy as np

# A sample is a message of 16 bytes: a double at 3, and a time in milliseconds of 42 bits, as a varint of 6, at 12.
SAMPLE_BYTES, VALUE, TIME = 18, slice(3, 11), slice(12, 18)
REQUEST_BYTES = 8 * 2**20
# Snappy's tag of a literal whose length is in the next four bytes: nothing is compressed.
LITERAL = b"\xfc"

Labels = Mapping[str, str]


class Writer:
    """Writes series that have the same times. The times of the next writer must be later."""

    def __init__(self, address: str, seconds: np.ndarray) -> None:
        """`seconds`: float64[samples], Unix times."""
        self._url = f"{address}/api/v1/write"
        self._samples = np.zeros((len(seconds), SAMPLE_BYTES), np.uint8)
        self._samples[:, :3] = (0x12, 0x10, 0x09)
        self._samples[:, 11] = 0x10
        groups = (np.round(seconds * 1e3).astype(np.int64)[:, None] >> (7 * np.arange(6))) & 0x7F
        self._samples[:, TIME] = groups | (np.arange(6) < 5) * 0x80

    def write(self, series: Iterable[tuple[bytes, np.ndarray]]) -> None:
        """Write series: `labelled` labels, and their values, float64[samples]."""
        request = bytearray()
        for labels, values in series:
            self._samples[:, VALUE] = values[:, None].view(np.uint8)
            request += _field(1, labels + self._samples.tobytes())
            if len(request) > REQUEST_BYTES:
                self._send(bytes(request))
                request.clear()
        if request:
            self._send(bytes(request))

    def _send(self, request: bytes) -> None:
        body = _varint(len(request)) + LITERAL + (len(request) - 1).to_bytes(4, "little") + request
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        with urllib.request.urlopen(urllib.request.Request(self._url, body, headers), timeout=120):
            pass


def labelled(labels: Labels) -> bytes:
    """Return the encoded labels of a series."""
    pairs = sorted(labels.items())
    return b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in pairs)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
