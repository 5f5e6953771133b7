"""Writing, rotation, crashes and restarts in any order: at every poll, each line has been counted exactly once."""

import os
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exporter.sources.file.open_files import RETIRE_SECONDS
from tests.sources.log import Log

is_up = precondition(lambda self: self.up)
has_half = precondition(lambda self: self.half)
no_half = precondition(lambda self: not self.half)


class AnyOrder(RuleBasedStateMachine):
    """The steps of a log's writer, logrotate, the exporter and its host, in any order.

    Not done, as its lines are lost to everyone: to copy and truncate a log of which no line has been read, or to
    go on with a line in a file that has been truncated within it. Nor is a file compressed that is empty, or was
    known and without a line when the state was saved: no content tells which it became.
    """

    pattern = "app.jsonl"

    def __init__(self) -> None:
        super().__init__()
        self.cleanup = ExitStack()

    @initialize()
    def begin(self) -> None:
        self.folder = self.cleanup.enter_context(tempfile.TemporaryDirectory())
        self.log = Log(Path(self.folder), self.pattern)
        self.cleanup.callback(self.log.crash)
        self.up = True
        self.half = b""
        self.writer = self.log.path.open("ab")
        self.cleanup.callback(lambda: self.writer.close())  # noqa: PLW0108 - the writer of then, not of now
        # Whether a line of the log was read, as known now and at the last save.
        self.read = self.read_saved = False
        # The files without a line, likewise.
        self.empty: set[int] = set()
        self.empty_saved: set[int] = set()
        self.log.write(1)
        self.poll()
        self.save()

    @rule(count=st.sampled_from([1, 2, 5, 300]))
    def write(self, count: int) -> None:
        if not self.half or not self.at_path():
            self.log.write(count)

    @is_up
    @no_half
    @rule(cut=st.integers(1, 30))
    def write_a_part_of_a_line(self, cut: int) -> None:
        self.writer.close()
        self.writer = self.log.path.open("ab")
        line = self.log.record()
        self.log.append(line[:cut], self.writer)
        self.half = line[cut:]

    @has_half
    @rule()
    def write_the_rest_of_it(self) -> None:
        self.log.append(self.half, self.writer)
        self.half = b""
        self.log.write(1)

    @precondition(lambda self: self.log.path.exists() and (not self.half or self.at_path()))
    @rule(create=st.booleans())
    def rename(self, *, create: bool) -> None:
        self.log.rotate(create=create)
        self.read = False

    @precondition(lambda self: self.log.path.exists() and not self.half and self.read and self.read_saved)
    @rule()
    def copy_and_truncate(self) -> None:
        self.log.copytruncate()
        self.read = False

    @precondition(lambda self: self.finished())
    @rule(which=st.integers(0, 9))
    def compress(self, which: int) -> None:
        finished = self.finished()
        self.log.compress(finished[which % len(finished)])

    def finished(self) -> list[Path]:
        """The rotated files that can be compressed; none is being written to."""
        rotated = (path for path in Path(self.folder).iterdir() if path.suffix[1:].isdecimal())
        written = {os.fstat(self.writer.fileno()).st_ino} if self.half else set()
        unfit = written | self.empty | self.empty_saved
        return sorted(path for path in rotated if path.stat().st_size and path.stat().st_ino not in unfit)

    @is_up
    @rule()
    def poll(self) -> None:
        self.log.poll()
        files = [path for path in Path(self.folder).iterdir() if path.suffix != ".gz"]
        self.empty = {path.stat().st_ino for path in files if b"\n" not in path.read_bytes()}
        self.read = self.log.path.exists() and b"\n" in self.log.path.read_bytes()

    @is_up
    @no_half
    @rule(seconds=st.sampled_from([RETIRE_SECONDS, 60.0]))
    def time_passes(self, seconds: float) -> None:
        for _ in range(3):
            self.log.poll(seconds)
        self.poll()

    @is_up
    @rule()
    def save(self) -> None:
        self.log.save()
        self.read_saved = self.read
        self.empty_saved = self.empty

    @is_up
    @no_half
    @rule(saved=st.booleans())
    def end(self, *, saved: bool) -> None:
        if saved:
            self.save()
        self.log.crash()
        self.up = False

    @precondition(lambda self: not self.up)
    @rule()
    def start(self) -> None:
        self.log.start()
        self.up = True
        self.poll()

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        if self.up:
            assert Counter(self.log.counts) <= self.log.expected

    def at_path(self) -> bool:
        return self.log.path.exists() and os.path.samestat(self.log.path.stat(), os.fstat(self.writer.fileno()))

    def teardown(self) -> None:
        with self.cleanup:
            if self.half:
                self.write_the_rest_of_it()
            if not self.up:
                self.start()
            # A file that came and went while there was none before and after is found with the next one.
            self.log.write(1)
            self.log.check()
            assert self.log.gaps == 0
            assert self.log.rejected == {}


class AnyOrderWithAPatternThatMatchesRotatedNames(AnyOrder):
    pattern = "app.jsonl*"


SETTINGS = settings(max_examples=150, stateful_step_count=30)
TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = SETTINGS
TestAnyOrderWide = AnyOrderWithAPatternThatMatchesRotatedNames.TestCase
TestAnyOrderWide.settings = SETTINGS
