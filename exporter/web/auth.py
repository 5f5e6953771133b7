"""Basic authentication with bcrypt, one password at a time in a thread, with a cache of the results.

An unknown user takes as long as a known one. The cache is keyed by an HMAC of user, hash and password; wrong passwords
cannot evict correct ones.
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

# Results of each kind.
CACHE_SIZE = 100
MAX_WAITING = 64
# bcrypt ignores the rest.
PASSWORD_BYTES = 72
UNKNOWN_USER = "$2b${cost:02}$abcdefghijklmnopqrstuuJ1pXTJoz0gC0jAfGPqgmhTaqNZjVdy6"


class BusyError(Exception):
    """Too many logins at once."""


def verify(password: bytes, hashed: str) -> bool:
    """Whether the hash is that of the password; slow by design."""
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
        self._results: dict[bool, OrderedDict[bytes, None]] = {True: OrderedDict(), False: OrderedDict()}

    async def allows(self, header: str, users: Mapping[str, BcryptHash]) -> bool:
        """Whether the header contains a user and the password of that user. Raises BusyError."""
        given = credentials(header)
        if given is None:
            return False
        user, password = given
        hashed = users.get(user) or UNKNOWN_USER.format(cost=max(one.cost for one in users.values()))
        matches = await self._matches(user, str(hashed), password)
        return matches and user in users

    async def _matches(self, user: str, hashed: str, password: bytes) -> bool:
        key = self._digest(user.encode(), hashed.encode(), password)
        known = self._cached(key)
        if known is not None:
            return known
        if self._waiting >= MAX_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._lock:
                # Another request may have checked the same password meanwhile.
                known = self._cached(key)
                if known is None:
                    known = await asyncio.to_thread(self._verify, password, hashed)
                    self._cache(key, known)
                return known
        finally:
            self._waiting -= 1

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
