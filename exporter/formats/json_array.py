"""A JSON array as lines, without an object per item, so that an array of millions of items takes little memory."""

import re

import numpy as np

from exporter.lines.buffer import NEWLINE

PIECE_BYTES = 64 * 1024
# Values that are nested more deeply cannot be decoded.
MAX_DEPTH = 1000
QUOTE, COMMA = b'",'
ESCAPE = re.compile(rb"\\.", re.DOTALL)
# By byte: how it changes the depth of nesting, as int8; and whether it is white space.
DEPTH_CHANGES = bytes({**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", 255)}.get(byte, 0) for byte in range(256))
IS_SPACE = bytes(byte in b" \t\r\n" for byte in range(256))


def array_lines(body: bytes) -> bytes:
    """Return the items of a JSON array as lines; raises ValueError unless the array ends where the body does.

    Whether the items are JSON is not checked. A line break within an item becomes a space.
    """
    body = body.strip()
    if len(body) == 1 or body[-1:] != b"]":
        raise ValueError("the array ends too early")
    lines = []
    depth, in_string, start, end = 1, False, 1, len(body) - 1
    while start < end:
        piece = body[start : min(start + PIECE_BYTES, end)]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            piece = body[start : min(start + PIECE_BYTES + 1, end)]  # an escape is not divided
        start += len(piece)
        tokens = ESCAPE.sub(b"  ", piece) if b"\\" in piece else piece
        quotes = np.cumsum(np.frombuffer(tokens, np.uint8) == QUOTE, dtype=np.int32)
        outside = quotes & 1 == in_string
        depths = depth + np.cumsum(np.frombuffer(tokens.translate(DEPTH_CHANGES), np.int8) * outside, dtype=np.int32)
        if depths.min() < 1:
            raise ValueError("text after the end of the array")
        if depths.max() > MAX_DEPTH:
            raise ValueError("objects or lists are nested too deeply")
        depth, in_string = int(depths[-1]), not outside[-1]
        between = outside & (depths == 1)
        line = np.array(bytearray(piece.replace(b"\n", b" ")))
        line[between & (line == COMMA)] = NEWLINE
        is_space = np.frombuffer(piece.translate(IS_SPACE), np.bool_)
        lines.append(line[~(between & is_space)].tobytes())
    if in_string or depth > 1:
        raise ValueError("the array ends too early")
    return b"".join((*lines, b"\n")) if body[1:-1].strip() else b""
