"""A start reads and hashes a reference once, however many parts need it."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporter.configuration import loading
from exporter.configuration.settings import Config, GroundTruthConfig
from exporter.model_key import OTHERS
from exporter.reference import profile_file
from exporter.reference.profile import Profile
from exporter.sidecar import Sidecar
from tests.outcomes import with_truth
from tests.records import PROFILE, plan


def test_a_profile_and_each_of_its_parts_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []
    real = hashlib.blake2b

    def counted(data: bytes, **options: Any) -> Any:
        hashed.append(data)
        return real(data, **options)

    monkeypatch.setattr(hashlib, "blake2b", counted)
    settings = Config(sources=[], ground_truth=GroundTruthConfig(sources=[]))
    profile = msgspec.structs.replace(with_truth(PROFILE, {"approve": 500, "deny": 500}))
    planned, _ = plan(settings, profile)
    assert {*planned.identities.models[OTHERS].statistics} >= {"feature_bins", "output_bins", "attribution_bins"}
    assert len(hashed) == len({*hashed})


def test_a_start_reads_the_reference_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = profile_file.load

    def counted(data: bytes) -> Profile:
        read.append(data)
        return real(data)

    monkeypatch.setattr(profile_file, "load", counted)
    (tmp_path / "reference.json").write_bytes(profile_file.dump(PROFILE))
    loaded = loading.from_options("/log", str(tmp_path / "reference.json"), "127.0.0.1:0")
    assert [*loading.notes(loaded)]
    Sidecar(loaded).close()
    assert len(read) == 1
