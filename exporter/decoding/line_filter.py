"""Which lines of a log are records, by `where`. Other lines are skipped, most of them without being decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from exporter.batch import Bools, Ints
from exporter.decoding.conditions import Condition, Where
from exporter.decoding.line_block import LineBlock
from exporter.decoding.rows import json_value
from exporter.decoding.schema import Leaf, Node, SchemaError
from exporter.lines.rejects import RejectedError

MARK_OR_SPACE = b"\xef\xbb\xbf \t\r"
# Characters that JSON can only write as themselves or as an escape that begins with \u.
PLAIN = re.compile(r'[^"\\/\x00-\x1f]+')
# How many texts in the place of a value are remembered.
MOST_TOKENS = 1000


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
        keys = [(key, wanted) for path, wanted in required for key in path[-1:] if isinstance(key, str)]
        self._texts = [text.encode() for text in (*texts, *(f'"{key}"' for key, _ in keys))]
        # A text may also be written with escapes.
        are_plain = all(PLAIN.fullmatch(text) for text in (*texts, *(key for key, _ in keys)))
        self._escape = b"\\u" if are_plain else b"\\"
        # The values of a key are the quicker test if no text is asked for.
        self._tokens = None if texts or not keys else _ValueTest(*keys[0])
        self._decoder, self._tree = _decoder(where)

    def kept(self, block: LineBlock) -> tuple[LineBlock, int]:
        """Return the lines that are kept, and how many are not."""
        numbers = self.numbers(block.data, block.ends)
        if len(numbers) == len(block):
            return block, 0
        return block.some([block.line(number) for number in numbers.tolist()], numbers), len(block) - len(numbers)

    def numbers(self, data: bytes, ends: Ints) -> Ints:
        """Return the numbers of the lines that are kept, given where lines end."""
        numbers = self._candidates(data, ends)
        begins = np.where(numbers > 0, ends[numbers - 1] + 1, 0)
        candidates = [data[begin:end] for begin, end in zip(begins.tolist(), ends[numbers].tolist(), strict=True)]
        return numbers[self._matching(candidates)] if candidates else numbers

    def _candidates(self, data: bytes, ends: Ints) -> Ints:
        """Return the numbers of the lines that may match, given where lines end."""
        if not self._texts:
            return np.arange(len(ends))
        found = self._tokens.places(data) if self._tokens else _places(data, self._texts[0])
        # A single character is found much faster than two.
        escaped = _places(data, self._escape) if b"\\" in data else ()
        return np.unique(np.searchsorted(ends, np.array([*found, *escaped], np.int64)))

    def _matching(self, candidates: Sequence[bytes]) -> Bools:
        if all(line[:1] == b"{" and line[-1:] == b"}" for line in candidates):
            try:
                values = self._decoder.decode_lines(b"\n".join(candidates))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                values = []
            if len(values) == len(candidates):
                matches = np.ones(len(candidates), np.bool_)
                for (_, column), wanted in zip(self._tree.columns(values), self._conditions, strict=True):
                    matches &= np.fromiter(map(wanted.matches, column), np.bool_, len(column))
                return matches
        return np.fromiter(map(self._matches, candidates), np.bool_, len(candidates))

    def _matches(self, line: bytes) -> bool:
        try:
            value, _ = json_value(line)
        except RejectedError:
            # It may be a damaged record.
            return line.lstrip(MARK_OR_SPACE)[:1] == b"{" and all(text in line for text in self._texts)
        return self._where.matches(value)


class _ValueTest:
    """Finds the places of a key in JSON whose value may match a condition, at any depth."""

    def __init__(self, key: str, wanted: Condition) -> None:
        self._wanted = wanted
        self._pattern = re.compile(rb'"%s"\s*:\s*("[^"\\]*"|[^\s"{\[,}\]]*)' % re.escape(key.encode()))
        self._known: dict[bytes, bool] = {}

    def places(self, data: bytes) -> Iterator[int]:
        """Yield where such values are."""
        known = self._known
        for match in self._pattern.finditer(data):
            token = match[1]
            if token not in known:
                if len(known) >= MOST_TOKENS:
                    known.clear()
                known[token] = self._may_match(token)
            if known[token]:
                yield match.start()

    def _may_match(self, token: bytes) -> bool:
        try:
            return self._wanted.matches(msgspec.json.decode(token))
        except (msgspec.MsgspecError, UnicodeDecodeError):  # a list, an object or text with escapes begins, for example
            return True


def _places(data: bytes, text: bytes) -> Iterator[int]:
    """Yield a place of a text in each line that has it."""
    at = data.find(text)
    while at >= 0:
        yield at
        end = data.find(b"\n", at)
        at = data.find(text, end) if end >= 0 else -1


def _decoder(where: Where) -> tuple[msgspec.json.Decoder[Any], Node]:
    """Return what decodes only the values that have conditions, in their order; nothing if they are not all keys."""
    tree = Node()
    try:
        for number, (path, _) in enumerate(where):
            tree.put(path.keys or (), Leaf("field", str(number), Any))
    except SchemaError:
        return msgspec.json.Decoder(type=int), tree
    leaves = [leaf.name for leaf in tree.leaves()]
    if leaves != [str(number) for number in range(len(where))]:
        return msgspec.json.Decoder(type=int), tree
    return msgspec.json.Decoder(type=tree.struct()), tree
