"""Basic authentication with bcrypt: a few passwords at a time, in threads, with a cache of the results.

Any attempt takes as long as one at the highest cost of all users, also for an unknown user. The cache is keyed by an
HMAC of user, hash and password; wrong passwords cannot evict correct ones.

Attackers do not keep users waiting: attempts from addresses with fewer wrong passwords come first, then those for users
with fewer wrong passwords, then the newest. Clients that try again at once do not get ahead of one that came before.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import bcrypt

from exporter.web.settings import BcryptHash

# Results of each kind.
CACHE_SIZE = 100
# As many as connections, so that a client that waits for its response is not rejected.
MAX_WAITING = 512
MAX_RUNNING = 2
# Addresses and users whose wrong passwords are counted.
MAX_SUSPECTS = 1000
# bcrypt ignores the rest.
PASSWORD_BYTES = 72
# A hash of no known password.
DUMMY_HASH = "$2b${cost:02}$abcdefghijklmnopqrstuuJ1pXTJoz0gC0jAfGPqgmhTaqNZjVdy6"

Verify = Callable[[bytes, str], bool]


class BusyError(Exception):
    """Too many logins at once."""


def verify(password: bytes, hashed: str) -> bool:
    """Return whether the hash is that of the password; slow by design."""
    try:
        return bcrypt.checkpw(password[:PASSWORD_BYTES], hashed.encode())
    except ValueError:
        return False


@dataclass(eq=False)
class _Attempt:
    """A password to verify, which arrived after so many others had `started`.

    `suspects` are the address and the user, or the lack of one, whose wrong passwords are counted. `costs` are those of
    dummy hashes, which make up for a low cost of the user's hash.
    """

    key: bytes
    suspects: tuple[str, str]
    started: int
    password: bytes
    hashed: str
    costs: range
    result: asyncio.Future[bool]


class BasicAuth:
    """Checks Authorization headers."""

    def __init__(self, verify: Verify = verify) -> None:
        self._verify = verify
        self._key = secrets.token_bytes(32)
        self._threads = ThreadPoolExecutor(MAX_RUNNING, "passwords")
        # By key, in the order of arrival.
        self._waiting: dict[bytes, _Attempt] = {}
        self._running: dict[bytes, _Attempt] = {}
        self._started = 0
        self._wrong: Counter[str] = Counter()
        self._results: dict[bool, OrderedDict[bytes, None]] = {True: OrderedDict(), False: OrderedDict()}

    async def allows(self, header: str, users: Mapping[str, BcryptHash], peer: str = "") -> bool:
        """Return whether the header contains a user and the password of that user. Raises BusyError.

        `peer` is the address that the request comes from.
        """
        given = credentials(header)
        if given is None:
            return False
        user, password = given
        highest = max(one.cost for one in users.values())
        hashed = users.get(user) or BcryptHash(DUMMY_HASH.format(cost=highest))
        key = self._digest(user.encode(), hashed.encode(), password)
        known = self._cached(key)
        if known is None:
            suspects = f"address {peer}", f"user {user}" if user in users else "no user"
            known = await self._result(key, suspects, password, hashed, range(hashed.cost, highest))
        return known and user in users

    async def _result(self, key: bytes, suspects: tuple[str, str], password: bytes, hashed: str, costs: range) -> bool:
        attempt = self._running.get(key) or self._waiting.get(key)
        if attempt is None:
            result = asyncio.get_running_loop().create_future()
            attempt = _Attempt(key, suspects, self._started, password, hashed, costs, result)
            self._waiting[key] = attempt
            self._start()
            if len(self._waiting) > MAX_WAITING:
                self._evict()
        # Shielded, because several requests may wait for one attempt.
        return await asyncio.shield(attempt.result)

    def _start(self) -> None:
        """Verify the next passwords, as many as may run at once."""
        while self._waiting and len(self._running) < MAX_RUNNING:
            earlier = [attempt for attempt in self._waiting.values() if attempt.started < self._started]
            attempt = min(reversed(earlier or [*self._waiting.values()]), key=self._wrong_passwords)
            self._started += 1
            del self._waiting[attempt.key]
            self._running[attempt.key] = attempt
            running = asyncio.get_running_loop().run_in_executor(self._threads, self._matches, attempt)
            running.add_done_callback(partial(self._finish, attempt))

    def _matches(self, attempt: _Attempt) -> bool:
        result = self._verify(attempt.password, attempt.hashed)
        for cost in attempt.costs:
            self._verify(attempt.password, DUMMY_HASH.format(cost=cost))
        return result

    def _finish(self, attempt: _Attempt, done: asyncio.Future[bool]) -> None:
        del self._running[attempt.key]
        result = done.result()
        self._cache(attempt.key, result)
        if result:
            for suspect in attempt.suspects:
                del self._wrong[suspect]
        else:
            self._count_wrong(attempt)
        attempt.result.set_result(result)
        self._start()

    def _evict(self) -> None:
        """Reject the last in the queue."""
        last = max(self._waiting.values(), key=self._wrong_passwords)
        del self._waiting[last.key]
        # So that trying again at once is of no use.
        self._count_wrong(last)
        last.result.set_exception(BusyError())

    def _count_wrong(self, attempt: _Attempt) -> None:
        for suspect in attempt.suspects:
            self._wrong[suspect] += 1
        while len(self._wrong) > MAX_SUSPECTS:
            del self._wrong[next(iter(self._wrong))]

    def _wrong_passwords(self, attempt: _Attempt) -> tuple[int, ...]:
        return tuple(self._wrong[suspect] for suspect in attempt.suspects)

    def _cached(self, key: bytes) -> bool | None:
        for result, keys in self._results.items():
            if key in keys:
                keys.move_to_end(key)
                return result
        return None

    def _cache(self, key: bytes, result: bool) -> None:  # noqa: FBT001
        keys = self._results[result]
        keys[key] = None
        while len(keys) > CACHE_SIZE:
            keys.popitem(last=False)

    def _digest(self, *parts: bytes) -> bytes:
        """Return the HMAC of the parts and their lengths, so that no two lists have the same input."""
        data = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, data, hashlib.sha256)


def credentials(header: str) -> tuple[str, bytes] | None:
    """Return the user and password in an Authorization header; None if there are none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
