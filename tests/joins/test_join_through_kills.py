"""Killed with -9 while predictions and their truths arrive, in any order: each pair is counted once."""

import json
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from tests.process import Exporter, exporter

PAIRS = 4000
KILLS = 6


def write(log: Path, lines: list[bytes], chance: random.Random) -> None:
    with log.open("ab", buffering=0) as file:
        while lines:
            some = [lines.pop() for _ in range(min(len(lines), chance.randint(1, 120)))]
            file.write(b"".join(some))
            time.sleep(chance.choice([0.02, 0.1, 0.2]))


def joins(sidecar: Exporter) -> Counter[str]:
    samples = sidecar.samples("prediction_exporter_joins_total")
    return Counter({result: int(count) for (result,), count in samples.items()})


def test_no_pair_is_lost_or_counted_twice(tmp_path: Path) -> None:
    chance = random.Random(1)
    predictions = [json.dumps({"request_id": f"r{n}", "prediction": "yes"}).encode() + b"\n" for n in range(PAIRS)]
    truths = [json.dumps({"request_id": f"r{n}", "actual": "yes"}).encode() + b"\n" for n in range(PAIRS)]
    repeated = [chance.choice(truths) for _ in range(PAIRS // 10)]
    truths += repeated
    for lines in (predictions, truths):
        chance.shuffle(lines)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nsources: ['{tmp_path}/log.jsonl']\nstate_dir: {tmp_path}/state\n"
        f"ground_truth: {{sources: ['{tmp_path}/truth.jsonl'], wait: 1h}}\n"
    )
    writers = [
        threading.Thread(target=write, args=(tmp_path / name, lines, random.Random(1)))
        for name, lines in (("log.jsonl", predictions), ("truth.jsonl", truths))
    ]
    for writer in writers:
        writer.start()
    seen: Counter[str] = Counter()
    for _ in range(KILLS):
        with exporter("--config", config) as sidecar:
            time.sleep(chance.uniform(0.0, 0.4))
            now = joins(sidecar)
            assert all(now[result] >= count for result, count in seen.items())
            seen = now
            sidecar.stop(signal.SIGKILL)
    for writer in writers:
        writer.join()
    with exporter("--config", config) as sidecar:
        sidecar.wait_for("prediction_exporter_source_records_total", 2 * PAIRS + len(repeated))
        expected = {"joined": PAIRS, "repeated": len(repeated), "revised": 0, "expired": 0, "orphaned": 0, "evicted": 0}
        assert joins(sidecar) == Counter(expected)
        assert sidecar.samples("prediction_exporter_joins_waiting") == {("predictions",): 0, ("truths",): 0}
