"""The clocks of a process, moved by libfaketime."""

from dataclasses import dataclass
from glob import glob
from pathlib import Path

from tests.servers import require


@dataclass
class Clock:
    """The clocks of processes with its `environment`: the wall clock, and with `is_monotonic_moved` all others too."""

    file: Path
    is_monotonic_moved: bool

    def __post_init__(self) -> None:
        require("faketime")
        self.ahead(0)

    def ahead(self, seconds: int) -> None:
        """Set how far the clocks are ahead, at once."""
        written = self.file.with_suffix(".new")
        written.write_text(f"{seconds:+d}\n")
        written.rename(self.file)

    @property
    def environment(self) -> dict[str, str]:
        [library] = glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        return {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
            "DONT_FAKE_MONOTONIC": str(int(not self.is_monotonic_moved)),
        }
