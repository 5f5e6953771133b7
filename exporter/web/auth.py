"""Basic auth: bcrypt beside the event loop, one at a time, and what it said remembered.

An unknown user costs as much as a known one. What is remembered hangs on the user, the hash and the password
together, under a key of this process's own; wrong passwords cannot drive out right ones.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping

import bcrypt

from exporter.web.values import BcryptHash

REMEMBERED = 100
# Logins that wait for their turn.
MOST_WAITING = 64
# bcrypt's own limit: all that made the hash ignored what comes after.
PASSWORD_BYTES = 72
NOBODY = "$2b${cost:02}$abcdefghijklmnopqrstuuJ1pXTJoz0gC0jAfGPqgmhTaqNZjVdy6"


class BusyError(Exception):
    """Too many logins at once."""


def verify(password: bytes, hashed: str) -> bool:
    """Say whether the hash is the password's; slow by design."""
    try:
        return bcrypt.checkpw(password[:PASSWORD_BYTES], hashed.encode())
    except ValueError:
        return False


class BasicAuth:
    """Checks Authorization headers."""

    def __init__(self, verify: Callable[[bytes, str], bool] = verify) -> None:
        self._verify = verify
        self._key = secrets.token_bytes(32)
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._remembered: dict[bool, OrderedDict[bytes, None]] = {True: OrderedDict(), False: OrderedDict()}

    async def allows(self, header: str, users: Mapping[str, BcryptHash]) -> bool:
        """Whether the header holds a user and that user's password; raises BusyError."""
        given = credentials(header)
        if given is None:
            return False
        user, password = given
        hashed = users.get(user) or NOBODY.format(cost=max(one.cost for one in users.values()))
        fits = await self._fits(user, str(hashed), password)
        return fits and user in users

    async def _fits(self, user: str, hashed: str, password: bytes) -> bool:
        key = self._digest(user.encode(), hashed.encode(), password)
        known = self._recall(key)
        if known is not None:
            return known
        if self._waiting >= MOST_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._lock:
                # Another request may have asked the same meanwhile.
                known = self._recall(key)
                if known is None:
                    known = await asyncio.to_thread(self._verify, password, hashed)
                    self._remember(key, known)
                return known
        finally:
            self._waiting -= 1

    def _recall(self, key: bytes) -> bool | None:
        for answer, keys in self._remembered.items():
            if key in keys:
                keys.move_to_end(key)
                return answer
        return None

    def _remember(self, key: bytes, answer: bool) -> None:  # noqa: FBT001
        keys = self._remembered[answer]
        keys[key] = None
        while len(keys) > REMEMBERED:
            keys.popitem(last=False)

    def _digest(self, *parts: bytes) -> bytes:
        """Return one value of all parts; their lengths go in, so that no two lists are alike."""
        data = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, data, hashlib.sha256)


def credentials(header: str) -> tuple[str, bytes] | None:
    """Return user and password of an Authorization header, if it holds them."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
