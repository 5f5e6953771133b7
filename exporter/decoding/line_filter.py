"""Which lines of a log are records, by `where`. Other lines are skipped, most of them without being decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from exporter.batch import Ints
from exporter.decoding.conditions import Where
from exporter.decoding.line_block import LineBlock
from exporter.decoding.rows import json_value
from exporter.decoding.schema import Leaf, Node, SchemaError
from exporter.lines.rejects import RejectedError

ESCAPE = b"\\"
MARK_OR_SPACE = b"\xef\xbb\xbf \t\r"


class LineFilter:
    """Keeps the lines of JSON that match.

    A line that is not JSON does not match, unless it may be a damaged record: it starts as an object does, and contains
    all texts that are asked for. It is kept, so that it is rejected.
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        self._conditions = [wanted for _, wanted in where]
        required = [(path, wanted) for path, wanted in where if not wanted.may_be_absent]
        texts = [wanted.text for _, wanted in required if wanted.text]
        keys = [f'"{key}"' for path, _ in required for key in path if isinstance(key, str)]
        # A text may also be written with escapes.
        self._texts = [text.encode() for text in (*texts, *keys)]
        self._decoder, self._tree = _decoder(where)

    def kept(self, block: LineBlock) -> tuple[LineBlock, int]:
        """Return the lines that are kept, and how many are not."""
        lines = block.data.split(b"\n")[:-1]
        numbers = self._candidates(lines)
        matching = self._matching(lines, numbers)
        if len(matching) == len(lines):
            return block, 0
        return block.some(lines, np.array(matching, np.int64)), len(lines) - len(matching)

    def keeps(self, line: bytes) -> bool:
        """Return whether a line is kept."""
        return self.may_match(line) and self._matches(line)

    def may_match(self, line: bytes) -> bool:
        """Return whether a line may match, without decoding it."""
        return bool(self._candidates([line]))

    def _candidates(self, lines: Sequence[bytes]) -> list[int]:
        """Return the numbers of the lines that may match."""
        first, *others = self._texts or [b""]
        numbers = [number for number, line in enumerate(lines) if first in line or ESCAPE in line]
        for text in others:
            numbers = [number for number in numbers if text in lines[number] or ESCAPE in lines[number]]
        return numbers

    def _matching(self, lines: Sequence[bytes], numbers: list[int]) -> Sequence[int] | Ints:
        candidates = [lines[number] for number in numbers]
        if candidates and all(line[:1] == b"{" and line[-1:] == b"}" for line in candidates):
            try:
                values = self._decoder.decode_lines(b"\n".join(candidates))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                values = []
            if len(values) == len(numbers):
                matches = np.ones(len(numbers), np.bool_)
                for (_, column), wanted in zip(self._tree.columns(values), self._conditions, strict=True):
                    matches &= np.fromiter(map(wanted.matches, column), np.bool_, len(column))
                return np.array(numbers)[matches]
        return [number for number in numbers if self._matches(lines[number])]

    def _matches(self, line: bytes) -> bool:
        try:
            value, _ = json_value(line)
        except RejectedError:
            return self.is_damaged(line)
        return self._where.matches(value)

    def is_damaged(self, line: bytes) -> bool:
        """Return whether a line that is not JSON may be a damaged record."""
        return line.lstrip(MARK_OR_SPACE)[:1] == b"{" and all(text in line for text in self._texts)


def _decoder(where: Where) -> tuple[msgspec.json.Decoder[Any], Node]:
    """Return what decodes only the values that have conditions, in their order; nothing if they are not all keys."""
    tree = Node()
    try:
        for number, (path, _) in enumerate(where):
            tree.put(path.keys or (), Leaf("field", str(number), Any))
    except SchemaError:
        return msgspec.json.Decoder(type=int), tree
    leaves = [leaf.name for leaf in _leaves(tree)]
    if leaves != [str(number) for number in range(len(where))]:
        return msgspec.json.Decoder(type=int), tree
    return msgspec.json.Decoder(type=tree.struct()), tree


def _leaves(node: Node) -> list[Leaf]:
    return [
        leaf for child in node.children.values() for leaf in ([child] if isinstance(child, Leaf) else _leaves(child))
    ]
