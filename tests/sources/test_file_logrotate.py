"""Files that real logrotate removes while the sidecar is down: what remains is counted once, and the rest is a gap.

`tests/chaos/test_logrotate.py` rotates and kills in every mode.
"""

from pathlib import Path

import pytest

from tests.logrotate import Logrotate, RotatedLog
from tests.numbered_log import configure, ranges
from tests.process import exporter, samples_of, wait_until

GAPS = "prediction_exporter_source_gaps_total"

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    ("mode", "pattern"),
    [
        ("create", "*.jsonl"),
        ("copytruncate", "*"),
        ("compress", "*.jsonl"),
        ("extension", "*.jsonl"),
        ("dateext-extension", "*"),
    ],
)
def test_generations_that_are_removed_unread(tmp_path: Path, mode: str, pattern: str) -> None:
    log = RotatedLog(tmp_path / "logs" / "app.jsonl", mode=mode, generations=2)
    config, logrotate = configure(tmp_path, str(log.path.parent / pattern)), Logrotate(tmp_path, [log])
    log.write(10)
    with exporter("--config", config) as running:
        wait_until(lambda: log.counted(running.get("/metrics")).keys() == set(range(10)), "all lines counted")
    for _ in range(3):
        log.write(10)
        logrotate.run()
    log.write(10)
    log.close()
    with exporter("--config", config) as running:
        for _ in range(2):
            log.write(to=log.path.with_name(f"end-{log.written}.jsonl"))
            wait_until(lambda: log.counted(running.get("/metrics"))[log.written - 1] > 0, "the last line counted")
        page = running.get("/metrics")
    expected = set(range(10)) | log.kept
    counts = log.counted(page)
    assert log.kept != set(range(log.written))
    assert ranges(counts.keys()) == ranges(expected)
    assert max(counts.values()) == 1
    assert sum(samples_of(page, GAPS).values()) >= 1
