"""The checkpoint file: whole or refused, never half believed."""

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

from exporter.batch import SegmentSeries, Series
from exporter.lines.framing import Digest, Position
from exporter.lines.stream import Stream
from exporter.model_key import OTHERS
from exporter.state import migrations
from exporter.state.checkpoint import CheckpointFolder, ContentError, DamagedError, decode, encode, version_of
from exporter.state.snapshot import Identities, ModelIdentities, ModelLabels, Snapshot, SourceCounts
from exporter.store_error import StoreError
from exporter.tallies.tally import AnyTallies
from tests.state.stored import whole

CREDIT = Series("credit", "3")
WEB = SegmentSeries("credit", "3", "channel", "web")
OF_MODEL = ModelIdentities({"classes": "LabelCounts(classes)", "bins": "FeatureBins(1)"}, {"channel": "None"})
IDENTITIES = Identities({OTHERS: OF_MODEL}, {"5m": "5s"})
VERSION_AT = len(b"prediction-exporter checkpoint\n")


def snapshot(count: float = 2.0) -> Snapshot:
    row = {"classes": np.array([count, 1.0]), "bins": np.arange(6.0).reshape(2, 3)}
    tallies = AnyTallies({CREDIT: row, WEB: {"bins": np.arange(6, dtype=np.uint8).reshape(2, 3)}})
    return Snapshot(
        time=1e9,
        totals=tallies,
        windows={"5m": {200_000_000: tallies}},
        history={"5m": {13_333_333: tallies}},
        identities=IDENTITIES,
        series={CREDIT: 9e8},
        labels={"credit": ModelLabels({"prediction_class": ("approve", "deny")}, {"channel": ("missing", "web")})},
        sources={"a": SourceCounts(3, 99, 2, {"blank": 1}, 5.0)},
        capped={"model_version": 4},
        positions={Stream("a", "/x", 1, 2, 3): Position(99, False, Digest.of(b"head"), Digest.of(b"context"))},
        seen_batches=b"12345678",
        seen_requests=b"8765432112345678",
        unknown={CREDIT: {"new": 5.0}},
    )


def test_what_is_read_is_what_was_written() -> None:
    before, after = snapshot(), decode(encode(snapshot()))
    for tallies, stored in (
        (before.totals, after.totals),
        (before.windows["5m"][200_000_000], after.windows["5m"][200_000_000]),
        (before.history["5m"][13_333_333], after.history["5m"][13_333_333]),
    ):
        assert tallies.keys() == stored.keys()
        assert {type(series) for series in stored} == {Series, SegmentSeries}
        for series, row in tallies.items():
            for name, tally in row.items():
                np.testing.assert_array_equal(tally, stored[series][name])
                assert tally.dtype == stored[series][name].dtype
    for field in set(Snapshot.__struct_fields__) - {"totals", "windows", "history"}:
        assert getattr(before, field) == getattr(after, field), field


def test_a_later_release_can_read_what_is_stored_without_types() -> None:
    content = msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot(), enc_hook=lambda tally: tally.tolist()))
    assert content["positions"].keys() == {("a", "/x", 1, 2, 3)}
    assert content["totals"].keys() == {CREDIT, WEB}


def test_large_arrays_are_read_as_they_were_written() -> None:
    large = np.arange(100_000.0).reshape(1000, 100)
    for array in (large, large.T, large[:, ::7], np.arange(20_000, dtype=np.uint32)):
        stored = decode(encode(Snapshot(time=1.0, totals={CREDIT: {"bins": array}})))
        np.testing.assert_array_equal(stored.totals[CREDIT]["bins"], array)
        assert stored.totals[CREDIT]["bins"].dtype == array.dtype


def test_a_tally_read_can_be_added_to() -> None:
    decode(encode(snapshot())).totals[CREDIT]["classes"] += 1


def test_any_byte_that_changed_is_noticed() -> None:
    data = encode(snapshot())
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x40
        if VERSION_AT <= at < VERSION_AT + 2:
            # It is taken for a file of a newer release, which is refused too.
            assert version_of(damaged) > migrations.VERSION
            continue
        with pytest.raises(DamagedError):
            decode(bytes(damaged))


def test_any_length_that_changed_is_noticed() -> None:
    data = encode(snapshot())
    for length in range(len(data)):
        with pytest.raises(DamagedError):
            decode(data[:length])
    with pytest.raises(DamagedError):
        decode(data + b"\0")


def test_a_statistic_that_has_changed_starts_from_zero_and_the_rest_continues() -> None:
    of_model = msgspec.structs.replace(OF_MODEL, statistics=OF_MODEL.statistics | {"bins": "FeatureBins(2)"})
    changed = msgspec.structs.replace(IDENTITIES, models={OTHERS: of_model})
    stored = decode(encode(snapshot())).kept(changed)
    assert stored.totals[CREDIT].keys() == {"classes"}
    assert stored.windows["5m"][200_000_000][CREDIT].keys() == {"classes"}
    assert stored.history["5m"][13_333_333][CREDIT].keys() == {"classes"}
    assert stored.positions == snapshot().positions
    assert stored.identities == changed


def test_a_segment_that_has_changed_starts_from_zero_and_the_rest_continues() -> None:
    of_model = msgspec.structs.replace(OF_MODEL, segments={"channel": "('request', 'channel')"})
    stored = snapshot().kept(msgspec.structs.replace(IDENTITIES, models={OTHERS: of_model}))
    for tallies in (stored.totals, stored.windows["5m"][200_000_000]):
        assert tallies.keys() == {CREDIT}
    assert stored.labels["credit"].segments == {}


def test_a_window_that_has_changed_starts_from_zero_and_the_rest_continues() -> None:
    stored = snapshot().kept(msgspec.structs.replace(IDENTITIES, windows={"5m": "10s", "1h": "60s"}))
    assert (stored.windows, stored.history) == ({}, {})
    assert stored.totals.keys() == {CREDIT, WEB}


def test_two_generations_are_kept_and_the_newest_whole_one_is_read(tmp_path: Path) -> None:
    checkpoint = CheckpointFolder(tmp_path)
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


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.previous"])
def test_a_state_of_a_newer_release_stops_the_start_and_is_left_alone(tmp_path: Path, name: str) -> None:
    checkpoint = CheckpointFolder(tmp_path)
    for count in (1.0, 2.0):
        checkpoint.save(snapshot(count))
    newer = bytearray((tmp_path / name).read_bytes())
    newer[VERSION_AT] = 99
    (tmp_path / name).write_bytes(newer)
    with pytest.raises(StoreError, match="version 99 was written by a newer release") as raised:
        checkpoint.load()
    assert raised.value.path == str(tmp_path / name)
    assert f"reads version {migrations.VERSION} and older" in str(raised.value)
    assert (tmp_path / name).read_bytes() == newer
    checkpoint.close()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"time": "noon"}, id="a field of a wrong type"),
        pytest.param({}, id="a field that is missing"),
        pytest.param(
            {"time": 1.0, "totals": {("m", "1"): {"bins": [[2], "<f8", b"short", False]}}}, id="a short array"
        ),
        pytest.param(
            {"time": 1.0, "totals": {("m", "1"): {"bins": [[2], "O", b"1234567812345678", False]}}}, id="objects"
        ),
        pytest.param({"time": 1.0, "totals": {("m", "1"): {"bins": 3}}}, id="no array"),
        pytest.param({"time": 1.0, "totals": {("m", "1", "s"): {}}}, id="no series"),
        pytest.param({"time": 1.0, "totals": [1]}, id="no tallies"),
        pytest.param([1], id="no map"),
    ],
)
def test_a_whole_file_with_other_content_is_refused_in_one_line_and_left_alone(tmp_path: Path, content: object) -> None:
    data = whole(content, migrations.VERSION)
    with pytest.raises(ContentError, match=f"its content is not a state of version {migrations.VERSION}: "):
        decode(data)
    checkpoint = CheckpointFolder(tmp_path)
    checkpoint.save(snapshot())
    (tmp_path / "checkpoint.previous").write_bytes((tmp_path / "checkpoint").read_bytes())
    (tmp_path / "checkpoint").write_bytes(data)
    with pytest.raises(StoreError) as raised:
        checkpoint.load()
    assert "\n" not in str(raised.value)
    assert (tmp_path / "checkpoint").read_bytes() == data
    checkpoint.close()


def test_a_save_that_fails_changes_nothing(tmp_path: Path) -> None:
    checkpoint = CheckpointFolder(tmp_path)
    checkpoint.save(snapshot(1.0))
    (tmp_path / "checkpoint.new").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        checkpoint.save(snapshot(2.0))
    loaded = checkpoint.load()
    assert loaded.snapshot is not None
    assert loaded.snapshot.totals[CREDIT]["classes"][0] == 1
    checkpoint.close()


def test_a_folder_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    first = CheckpointFolder(tmp_path)
    with pytest.raises(StoreError, match="another prediction-exporter uses"):
        CheckpointFolder(tmp_path)
    first.close()
    CheckpointFolder(tmp_path).close()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    checkpoint = CheckpointFolder(tmp_path / "state")
    checkpoint.save(snapshot())
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "checkpoint").stat().st_mode & 0o777 == 0o600
    checkpoint.close()


def test_a_new_checkpoint_is_not_written_through_a_link(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "state")
    (tmp_path / "other").write_text("important")
    (tmp_path / "state" / "checkpoint.new").symlink_to(tmp_path / "other")
    folder.save(snapshot())
    assert (tmp_path / "other").read_text() == "important"
    assert (tmp_path / "state" / "checkpoint").is_file()
    assert not (tmp_path / "state" / "checkpoint").is_symlink()


def test_a_pipe_in_the_place_of_a_checkpoint_is_not_waited_for(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "state")
    for name in ("checkpoint.new", "checkpoint"):
        os.mkfifo(tmp_path / "state" / name)
    loaded = folder.load()
    assert (loaded.snapshot, loaded.generation) == (None, "none")
    assert loaded.problems == (f"{tmp_path / 'state' / 'checkpoint'}: not a regular file",)
    folder.save(snapshot())
    assert folder.load().generation == "current"
