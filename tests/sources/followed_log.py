"""A numbered log in a folder `logs`, and the sidecar process that follows it, killed and started again at will."""

import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from exporter.state.checkpoint import decode
from tests.numbered_log import NumberedLog, configure, ranges
from tests.process import DEADLINE_SECONDS, Exporter, samples_of, wait_until

GAPS = "prediction_exporter_source_gaps_total"


class FollowedLog(NumberedLog):
    """A numbered log at `logs/app.jsonl`, and the sidecar that reads `sources`."""

    def __init__(self, folder: Path, *sources: str, environment: Mapping[str, str] | None = None) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir()
        # Where `check` makes new files.
        self.ends = self.logs
        super().__init__(self.logs / "app.jsonl")
        self._folder = folder
        self._checkpoint = folder / "state" / "checkpoint"
        self._config = configure(folder, *sources)
        self._has_pattern = any("*" in source for source in sources)
        self._environment = environment
        self.start()

    def beside(self, name: str) -> Path:
        """Return the path of another file in the log's folder."""
        return self.logs / name

    def start(self) -> None:
        """Start the sidecar, and return when it is ready; nothing is scraped."""
        self.running = Exporter("--config", self._config, environment=self._environment)
        wait_until(lambda: self.running.status("/-/ready") == 200, "ready")

    def kill(self) -> None:
        """End the sidecar with SIGKILL."""
        self.running.close()

    def restart(self) -> None:
        """End the sidecar with SIGTERM, and start it again."""
        self.running.stop()
        self.kill()
        self.start()

    def respell(self, *sources: str) -> None:
        """Configure other sources, which the next start or reload reads."""
        configure(self._folder, *sources)

    def reload(self) -> None:
        """Reload the configuration, and return when that is done."""
        before = len(self.running.entries("configuration loaded"))
        self.running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.running.entries("configuration loaded")) > before, "configuration loaded")

    def wait_for_commit(self, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until a commit that nobody asked for with a scrape."""
        before = self._commit()
        wait_until(lambda: self._commit() != before, "commit", seconds)

    def wait_until_counted(self) -> None:
        """Wait until every line that was written is counted, at least once."""
        wait_until(lambda: not self.expected - self.counts(), "all lines counted")

    def counts(self) -> Counter[int]:
        return self.counted(self.running.get("/metrics"))

    def check(self, gaps: int = 0) -> None:
        """Let the sidecar read what there is; assert that each line counts as often as expected, and how many gaps.

        Two more lines are written, to new files if a source is a pattern: once the second is counted, a whole round of
        searching and reading has followed all that happened before.
        """
        for _ in range(2):
            number = self.written
            self.write(to=self.ends / f"end-{number}.jsonl" if self._has_pattern else None)
            wait_until(lambda number=number: self.counts()[number] > 0, f"line {number} counted")
        page = self.running.get("/metrics")
        counts = self.counted(page)
        found = {
            "lost": ranges((self.expected - counts).elements()),
            "repeated": ranges((counts - self.expected).elements()),
            "gaps": sum(samples_of(page, GAPS).values()),
        }
        assert found == {"lost": "", "repeated": "", "gaps": gaps}, found

    def inode_of_commit(self) -> int:
        """Return the inode of the log's newest file of which the checkpoint knows a line; 0 if there is none."""
        if not self._checkpoint.exists():
            return 0
        positions = decode(self._checkpoint.read_bytes()).positions
        read = [
            stream for stream, position in positions.items() if position.offset and stream.path.endswith("app.jsonl")
        ]
        return max(read, key=lambda stream: stream.serial).inode if read else 0

    def _commit(self) -> tuple[int, int]:
        if not self._checkpoint.exists():
            return 0, 0
        status = self._checkpoint.stat()
        return status.st_ino, status.st_mtime_ns
