"""Commits while a change is made in steps: a snapshot contains all of the change or nothing."""

import asyncio
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

import pytest

from exporter import pacer
from exporter.state.commit import Committer
from exporter.state.durable_state import DurableState
from exporter.state.snapshot import Snapshot
from exporter.telemetry import Telemetry

STEPS = 10


@dataclass
class Steps:
    """An engine whose state is how many steps were taken, which the time of a snapshot shows."""

    taken: int = 0
    is_full: bool = False
    committed_steps: list[int] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    def snapshot(self, now: float) -> Snapshot:
        return Snapshot(time=now + self.taken)

    def committed(self, snapshot: Snapshot) -> Snapshot:
        self.committed_steps.append(int(snapshot.time))
        return snapshot

    def change(self) -> Generator[None, None, str]:
        for _ in range(STEPS):
            self.taken += 1
            self.started.set()
            yield
        return "done"


@pytest.fixture(autouse=True)
def _pause_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacer, "WORK_SECONDS", 0.0)
    monkeypatch.setattr(pacer, "PAUSE_SECONDS", 0.0)


def run(use: Coroutine[Any, Any, None]) -> None:
    asyncio.run(use)


def committer(engine: Steps) -> Committer:
    telemetry = Telemetry()
    return Committer(engine, DurableState(None, telemetry), telemetry, lambda: 0.0)


def test_a_commit_waits_for_the_change_in_progress_and_not_for_the_next() -> None:
    async def use() -> None:
        engine = Steps()
        commits = committer(engine)
        changes = [asyncio.create_task(commits.between_commits(engine.change())) for _ in range(3)]
        await engine.started.wait()
        assert (await commits.commit()).time == STEPS
        assert await asyncio.gather(*changes) == ["done"] * 3
        assert (await commits.commit()).time == 3 * STEPS

    run(use())


def test_no_commit_contains_a_part_of_a_change() -> None:
    async def use() -> None:
        engine = Steps()
        commits = committer(engine)
        changes = asyncio.gather(*(commits.between_commits(engine.change()) for _ in range(5)))
        while not changes.done():
            await commits.commit()
        assert set(engine.committed_steps) <= {number * STEPS for number in range(6)}

    run(use())


def test_a_change_is_made_to_its_end_when_its_caller_is_cancelled() -> None:
    async def use() -> None:
        engine = Steps()
        commits = committer(engine)
        change = asyncio.create_task(commits.between_commits(engine.change()))
        await engine.started.wait()
        change.cancel()
        assert (await commits.commit()).time == STEPS

    run(use())


def test_nothing_is_half_made_once_settled() -> None:
    async def use() -> None:
        engine = Steps()
        commits = committer(engine)
        changes = [asyncio.create_task(commits.between_commits(engine.change())) for _ in range(3)]
        await engine.started.wait()
        commit = asyncio.create_task(commits.commit())
        await asyncio.sleep(0)
        await commits.settle()
        assert engine.taken % STEPS == 0
        # What waits for the commit wakes up after it.
        await asyncio.sleep(0)
        assert commit.done()
        await asyncio.gather(*changes)

    run(use())


def test_a_full_engine_is_committed_before_the_next_change() -> None:
    async def use() -> None:
        engine = Steps(is_full=True)
        commits = committer(engine)
        await asyncio.gather(*(commits.between_commits(engine.change()) for _ in range(3)))
        assert engine.committed_steps == [0, STEPS, 2 * STEPS]

    run(use())
