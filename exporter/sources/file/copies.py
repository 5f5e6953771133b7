"""What counts as a copy of a log, which is not read.

Its name is the log's with something added, and all of its content is part of what was, or will be, read from the log.
"""

from dataclasses import dataclass, field

import msgspec

from exporter.lines.framing import CONTEXT_BYTES, Digest, Position
from exporter.lines.stream import Stream
from exporter.sources.file.handle import GZIP_MAGIC, Handle, Key
from exporter.sources.file.names import originals
from exporter.sources.file.tail import Tail
from exporter.sources.source import Sink


@dataclass
class Copies:
    """Recognises copies of the files that are read, by the path of their log.

    `elsewhere` are the files that other sources read, and `heads` the first bytes of those that were read here, as of
    the last time that paths were checked.
    """

    sink: Sink
    by_path: dict[str, list[Tail]]
    elsewhere: dict[Key, Position] = field(default_factory=dict)
    heads: set[Digest] | None = None

    def known(self, tail: Tail) -> Position:
        """Return how far a file was read; the sink's position may be that of an earlier line."""
        position = self.sink.position(tail.stream)
        return msgspec.structs.replace(position, offset=tail.offset, context=Digest.of(tail.context))

    def is_read_elsewhere(self, handle: Handle) -> bool:
        """Return whether another source reads a file, or did and will."""
        position = self.elsewhere.get(handle.key)
        # The inode may belong to another file since that one was read.
        return position is not None and handle.matches(position)

    def is_doubtful(self, handle: Handle) -> bool:
        """Return whether a file begins like one that was read, as a temporary file does that will replace it."""
        if self.heads is None:
            read = [tail for tails in self.by_path.values() for tail in tails if tail.offset]
            self.heads = {self.sink.position(tail.stream).head for tail in read}
        begin = handle.read(CONTEXT_BYTES, 0)
        lengths = {head.length for head in self.heads if 0 < head.length <= len(begin)}
        return any(Digest.of(begin[:length]) in self.heads for length in lengths) and handle.varies(handle.left(0))

    def original(self, path: str, handle: Handle) -> Stream | None:
        """Return the stream of which a file at a path is a copy."""
        for original in originals(path):
            for tail in reversed(self.by_path.get(original, ())):
                if tail.key != handle.key and self.contains(tail, handle):
                    return tail.stream
        return None

    def contains(self, tail: Tail, copy: Handle) -> bool:
        """Return whether the content of a file that is read contains all of another's, which is not empty."""
        position = self.known(tail)
        if not copy.left(0):
            return False
        # Some compressors write under a temporary name first.
        if GZIP_MAGIC.startswith(copy.read(len(GZIP_MAGIC), 0)):
            return True
        if not tail.handle.is_zipped and tail.handle.matches(position):
            return copy.is_within(tail.handle)
        return position.offset > 0 and (copy.matches(position) or copy.is_part(position))


def may_be_copy(tail: Tail, path: str) -> bool:
    """Return whether an open file that is not read, or not yet, may be a copy of the log at a path, by its name."""
    return (tail.is_copy or not tail.offset) and path in originals(tail.last_path)
