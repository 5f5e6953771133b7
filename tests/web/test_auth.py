"""Basic auth counted in bcrypt calls: what is computed, for whom, and what is remembered."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from exporter.units import Duration
from exporter.web import auth
from exporter.web.auth import CACHE_SIZE, MAX_RUNNING, MAX_WAITING, BasicAuth, BusyError
from exporter.web.middleware import TokenBucket
from exporter.web.settings import BcryptHash, Interval, RateLimit
from tests.process import DEADLINE_SECONDS
from tests.web.secured import basic, hashed

USERS = {"alice": BcryptHash(hashed("a")), "bob": BcryptHash(hashed("b"))}


class Counted:
    """Verifies, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, str]] = []
        self.at_once = 0
        self.most_at_once = 0

    def __call__(self, password: bytes, hashed: str) -> bool:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked.append((password, hashed))
        answer = auth.verify(password, hashed)
        self.at_once -= 1
        return answer


def run(work: Callable[[BasicAuth, list[tuple[bytes, str]]], Any]) -> None:
    """Do the work, which is given all that was computed so far."""

    async def inside() -> None:
        counted = Counted()
        await work(BasicAuth(counted), counted.asked)
        assert counted.most_at_once <= MAX_RUNNING

    asyncio.run(inside())


def ask(user: str, password: str) -> str:
    return basic(user, password)["Authorization"]


def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    users = USERS | {"carol": BcryptHash(hashed("c").replace("$04$", "$05$"))}

    async def work(checks: BasicAuth, asked: list[tuple[bytes, str]]) -> None:
        spent = []
        for user in ("alice", "carol", "nobody"):
            before = len(asked)
            for _ in range(3):
                assert not await checks.allows(ask(user, "wrong"), users)
            spent.append(sum(2 ** BcryptHash(hashed).cost for _, hashed in asked[before:]))
        assert spent == [2**5] * 3

    run(work)


def test_nobody_s_hash_is_well_formed_and_of_no_use_to_one_who_knows_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert BcryptHash.parse(auth.DUMMY_HASH.format(cost=10)).cost == 10
    monkeypatch.setattr(auth, "DUMMY_HASH", hashed("known").replace("$04$", "${cost:02}$"))

    async def work(checks: BasicAuth, _asked: list[tuple[bytes, str]]) -> None:
        for _ in range(2):
            assert not await checks.allows(ask("nobody", "known"), USERS)

    run(work)


def test_a_login_is_computed_once_and_anew_when_the_hash_changes() -> None:
    async def work(checks: BasicAuth, asked: list[tuple[bytes, str]]) -> None:
        for _ in range(5):
            assert await checks.allows(ask("alice", "a"), USERS)
        assert len(asked) == 1
        assert not await checks.allows(ask("alice", "a"), USERS | {"alice": BcryptHash(hashed("other"))})
        assert not await checks.allows(ask("alice", "a"), {"bob": USERS["bob"]})

    run(work)


def test_parts_cannot_be_shifted_between_user_hash_and_password() -> None:
    """CVE-2022-46146: who knows a hash makes a request whose key is that of another's login."""

    async def work(checks: BasicAuth, _asked: list[tuple[bytes, str]]) -> None:
        assert await checks.allows(ask("alice", "a"), USERS)
        shifted = f"{USERS['alice']}a"
        for user, password in (("alice", shifted), (f"alice{USERS['alice']}", "a"), ("alic", "ea"), ("alicea", "")):
            assert not await checks.allows(ask(user, password), USERS)

    run(work)


def test_a_few_at_a_time_and_the_same_password_once() -> None:
    async def work(checks: BasicAuth, asked: list[tuple[bytes, str]]) -> None:
        logins = [checks.allows(ask("alice", "a"), USERS) for _ in range(20)]
        logins += [checks.allows(ask("alice", f"wrong {n}"), USERS) for n in range(20)]
        assert (await asyncio.gather(*logins)).count(True) == 20
        assert len(asked) == 21

    run(work)


def test_wrong_passwords_are_forgotten_and_do_not_drive_out_the_right_one() -> None:
    async def work(checks: BasicAuth, asked: list[tuple[bytes, str]]) -> None:
        assert await checks.allows(ask("alice", "a"), USERS)
        for n in range(CACHE_SIZE + 10):
            assert not await checks.allows(ask("alice", f"wrong {n}"), USERS)
        before = len(asked)
        assert await checks.allows(ask("alice", "a"), USERS)
        assert len(asked) == before
        assert sum(map(len, checks._results.values())) == CACHE_SIZE + 1

    run(work)


def test_beyond_a_number_of_waiting_attempts_the_oldest_are_rejected_and_known_users_get_in() -> None:
    async def work(checks: BasicAuth, _asked: list[tuple[bytes, str]]) -> None:
        assert await checks.allows(ask("alice", "a"), USERS)
        flood = [
            asyncio.create_task(checks.allows(ask("x", str(n)), USERS)) for n in range(MAX_WAITING + MAX_RUNNING + 3)
        ]
        await asyncio.sleep(0)
        assert await checks.allows(ask("alice", "a"), USERS)
        results = await asyncio.gather(*flood, return_exceptions=True)
        assert [isinstance(result, BusyError) for result in results] == [
            MAX_RUNNING <= n < MAX_RUNNING + 3 for n in range(len(flood))
        ]
        assert not await checks.allows(ask("x", "one more"), USERS)

    run(work)


class Stepped:
    """Verifies when it is let, and keeps the passwords in the order in which verification started."""

    def __init__(self) -> None:
        self.started: list[bytes] = []
        self.let = threading.Semaphore(0)

    def __call__(self, password: bytes, _hashed: str) -> bool:
        self.started.append(password)
        self.let.acquire()
        return password == b"b"


@pytest.mark.parametrize(
    ("users", "addresses"),
    [
        pytest.param(["bob"], ["attacker"], id="another address"),
        pytest.param(["bob"], [f"attacker {n}" for n in range(80)], id="other addresses"),
        pytest.param(["alice"], ["user"], id="the same address, another user"),
        pytest.param([f"nobody {n}" for n in range(80)], ["user"], id="the same address, no users"),
        pytest.param(["bob"], ["user"], id="the same address and user"),
    ],
)
def test_a_user_does_not_wait_for_attackers(users: list[str], addresses: list[str]) -> None:
    """Eighty clients send wrong passwords one after the other; only a few more are verified before a user's."""

    async def inside() -> None:
        stepped = Stepped()
        checks = BasicAuth(stepped)
        sent: list[str] = []

        async def attack(number: int) -> None:
            while True:
                sent.append(ask(users[number % len(users)], f"wrong {len(sent)}"))
                await checks.allows(sent[-1], USERS, addresses[number % len(addresses)])

        async def step() -> None:
            """Let one verification end; wait for the next to start, and for the client to try again."""
            started, tried = len(stepped.started), len(sent)
            stepped.let.release()
            while len(stepped.started) == started or len(sent) == tried:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

        attackers = [asyncio.create_task(attack(number)) for number in range(80)]
        await asyncio.sleep(0)
        for _ in range(10):
            await step()
        user = asyncio.create_task(checks.allows(ask("bob", "b"), USERS, "user"))
        await asyncio.sleep(0)
        steps = 0
        while b"b" not in stepped.started:
            await step()
            steps += 1
        assert steps <= MAX_RUNNING + 1
        for task in attackers:
            task.cancel()
        stepped.let.release(10)
        assert await user

    asyncio.run(inside())


def test_a_password_over_72_bytes_fits_as_with_htpasswd() -> None:
    long = "x" * 100
    assert auth.verify(long.encode(), hashed(long[:72]))


def test_the_event_loop_runs_while_a_password_is_checked() -> None:
    async def inside() -> None:
        let = threading.Event()
        checks = BasicAuth(lambda *_: let.wait(DEADLINE_SECONDS))
        login = asyncio.create_task(checks.allows(ask("alice", "a"), USERS))
        await asyncio.sleep(0.01)
        let.set()
        assert await login

    asyncio.run(inside())


def test_a_token_bucket_fills_with_time() -> None:
    now = 100.0
    bucket = TokenBucket(RateLimit(Interval(Duration.parse("2s").seconds), 2), lambda: now)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now += 3
    assert [bucket.take() for _ in range(2)] == [True, False]
    now += 1
    assert bucket.take()
    now += 3600
    assert [bucket.take() for _ in range(3)] == [True, True, False]
