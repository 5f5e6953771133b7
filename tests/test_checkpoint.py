"""The checkpoint file: whole or refused, never half believed."""

from pathlib import Path

import numpy as np
import pytest

from exporter.batch import Series
from exporter.durable.checkpoint import Checkpoint, DamagedError, LockedError, decode, encode
from exporter.lines.framing import Digest, Position
from exporter.lines.stream import Stream
from exporter.tallies.snapshot import Snapshot, SourceCounts

CREDIT = Series("credit", "3")
IDENTITIES = {"classes": "LabelCounts(classes)", "bins": "FeatureBins(1)"}


def snapshot(count: float = 2.0) -> Snapshot:
    row = {"classes": np.array([count, 1.0]), "bins": np.arange(6.0).reshape(2, 3)}
    return Snapshot(
        time=1e9,
        totals={CREDIT: row},
        windows={"5m": {200_000_000: {CREDIT: row}}},
        series=(CREDIT,),
        names={"prediction_class": ("approve", "deny")},
        sources={"a": SourceCounts(3, 99, 2, {"blank": 1}, 5.0)},
        capped={"model_version": 4},
        positions={Stream("a", "/x", 1, 2, 3): Position(99, False, Digest.of(b"head"), Digest.of(b"context"))},
    )


def test_what_is_read_is_what_was_written() -> None:
    before, after = snapshot(), decode(encode(snapshot(), IDENTITIES), IDENTITIES)
    for tallies, stored in (
        (before.totals, after.totals),
        (before.windows["5m"][200_000_000], after.windows["5m"][200_000_000]),
    ):
        assert tallies.keys() == stored.keys()
        for name, tally in tallies[CREDIT].items():
            np.testing.assert_array_equal(tally, stored[CREDIT][name])
    for field in ("time", "series", "names", "sources", "capped", "positions"):
        assert getattr(before, field) == getattr(after, field)


def test_a_tally_read_can_be_added_to() -> None:
    decode(encode(snapshot(), IDENTITIES), IDENTITIES).totals[CREDIT]["classes"] += 1


def test_any_byte_that_changed_is_noticed() -> None:
    data = encode(snapshot(), IDENTITIES)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x40
        with pytest.raises(DamagedError):
            decode(bytes(damaged), IDENTITIES)


def test_any_length_that_changed_is_noticed() -> None:
    data = encode(snapshot(), IDENTITIES)
    for length in range(len(data)):
        with pytest.raises(DamagedError):
            decode(data[:length], IDENTITIES)
    with pytest.raises(DamagedError):
        decode(data + b"\0", IDENTITIES)


def test_another_format_version_is_told_from_damage() -> None:
    data = bytearray(encode(snapshot(), IDENTITIES))
    data[len(b"prediction-exporter checkpoint\n")] = 7
    with pytest.raises(DamagedError, match="format version 7; this release reads 1"):
        decode(bytes(data), IDENTITIES)


def test_a_statistic_that_has_changed_starts_from_zero_and_the_rest_goes_on() -> None:
    stored = decode(encode(snapshot(), IDENTITIES), IDENTITIES | {"bins": "FeatureBins(2)"})
    assert stored.totals[CREDIT].keys() == {"classes"}
    assert stored.windows["5m"][200_000_000][CREDIT].keys() == {"classes"}
    assert stored.positions == snapshot().positions


def test_two_generations_are_kept_and_the_newest_whole_one_is_read(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, IDENTITIES)
    assert checkpoint.load().generation == "none"
    for count in (1.0, 2.0, 3.0):
        checkpoint.save(snapshot(count))
    loaded = checkpoint.load()
    assert (loaded.generation, loaded.problems) == ("current", ())
    assert loaded.snapshot is not None
    assert loaded.snapshot.totals[CREDIT]["classes"][0] == 3

    (tmp_path / "checkpoint").write_bytes(b"prediction-exporter")
    loaded = checkpoint.load()
    assert loaded.generation == "previous"
    assert loaded.snapshot is not None
    assert loaded.snapshot.totals[CREDIT]["classes"][0] == 2
    assert loaded.problems == (f"{tmp_path / 'checkpoint'}: only 19 bytes long",)
    checkpoint.close()


def test_a_save_that_fails_changes_nothing(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, IDENTITIES)
    checkpoint.save(snapshot(1.0))
    (tmp_path / "checkpoint.new").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        checkpoint.save(snapshot(2.0))
    loaded = checkpoint.load()
    assert loaded.snapshot is not None
    assert loaded.snapshot.totals[CREDIT]["classes"][0] == 1
    checkpoint.close()


def test_a_folder_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path, IDENTITIES)
    with pytest.raises(LockedError, match="another prediction-exporter uses"):
        Checkpoint(tmp_path, IDENTITIES)
    first.close()
    Checkpoint(tmp_path, IDENTITIES).close()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state", IDENTITIES)
    checkpoint.save(snapshot())
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "checkpoint").stat().st_mode & 0o777 == 0o600
    checkpoint.close()
