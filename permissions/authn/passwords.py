"""Passwords: what may be chosen, how it is kept, how it is checked without stopping the event loop."""

import asyncio
import math
import os
import secrets
import sys
import threading
import time
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from permissions.authn.errors import TooManyAttemptsError, WeakPasswordError

T = TypeVar("T")

MIN_CHARACTERS: Final = 12
MAX_BYTES: Final = 1024
READABLE: Final = "abcdefghijkmnpqrstuvwxyz23456789"
WAITING_PER_HASHER: Final = 50
"""Checks that may wait for a thread. More are told to come back: a flood must not queue for minutes."""
PATIENCE_SECONDS: Final = 10.0
"""How long a check may be expected to wait for a thread."""
GUESSED_SECONDS: Final = 0.2
"""What one takes, before any was done."""
LOW: Final = 10
"""The priority of the threads: a tenth of the processor where all is in use."""
WEIGHT: Final = 0.1
"""Of the last check in what one takes."""


@cache
def common() -> frozenset[str]:
    """Long enough, and yet the first that anybody tries; case folded."""
    text = files("permissions.authn").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(text.split())


def one_time_password() -> str:
    """100 random bits, in letters that nobody mixes up when he reads them out."""
    letters = [secrets.choice(READABLE) for _ in range(20)]
    return "-".join("".join(letters[start : start + 5]) for start in range(0, 20, 5))


def require_strong(password: str) -> None:
    """Raise `WeakPasswordError` unless `password` may be chosen: length, block list (NIST SP 800-63B)."""
    canonical = _canonical(password)
    if canonical is None:
        raise WeakPasswordError(f"a password is text of at most {MAX_BYTES} bytes")
    if len(canonical.decode()) < MIN_CHARACTERS:
        raise WeakPasswordError(f"a password has at least {MIN_CHARACTERS} characters")
    folded = canonical.decode().casefold()
    if folded in common() or len(set(folded)) < 4:
        raise WeakPasswordError("this password is too common")


class Passwords:
    """Argon2id in a pool of `hashers` threads. `close` it."""

    def __init__(
        self,
        hashers: int,
        hasher: PasswordHasher | None = None,
        *,
        waiting: int = WAITING_PER_HASHER,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """`waiting` checks for each hasher have room, those under way among them; none waits longer than `patience`.

        Both count, because how long a check takes depends on what else the machine does.
        """
        self._hasher = hasher or PasswordHasher()
        self._pool = ThreadPoolExecutor(hashers, thread_name_prefix="password", initializer=_yield_to_others)
        self._hashers = hashers
        self._most = hashers * waiting
        self._patience = patience
        self._inside = 0
        self._seconds = GUESSED_SECONDS
        self._nobody = _unmatchable(self._hasher)

    async def hash(self, password: str) -> str:
        """The form to store. Raise `WeakPasswordError` for what may not be chosen."""
        require_strong(password)
        return await self.rehash(password)

    async def rehash(self, password: str) -> str:
        """The form to store for a password that is accepted already."""
        canonical = _canonical(password) or b""
        return await self._run(lambda: self._hasher.hash(canonical))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `password` made `stored`; None (no such account) takes the same work and is never true."""
        canonical = _canonical(password)
        # Where the password can't be one, no stored hash may match the empty stand-in.
        target = self._nobody if stored is None or canonical is None else stored
        return await self._run(lambda: self._matches(target, canonical or b""))

    def outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads go; checks under way are finished first."""
        self._pool.shutdown()

    def _matches(self, stored: str, canonical: bytes) -> bool:
        try:
            return self._hasher.verify(stored, canonical)
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        wait = max(0, self._inside + 1 - self._hashers) * self._seconds / self._hashers
        if self._inside >= self._most or wait > self._patience:
            raise TooManyAttemptsError(retry_after=max(1, math.ceil(wait)))
        self._inside += 1
        try:
            done, seconds = await asyncio.get_running_loop().run_in_executor(self._pool, _timed, work)
        finally:
            self._inside -= 1
        self._seconds += (seconds - self._seconds) * WEIGHT
        return done


def _yield_to_others() -> None:
    """Who waits for a password waits 50 ms anyhow; a thread of this one must not take the processor from the loop.

    On Linux a priority is a thread's own, and that of the threads which it starts. Elsewhere nothing is done.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and the seconds that it took."""
    begun = time.perf_counter()
    return work(), time.perf_counter() - begun


def _canonical(password: str) -> bytes | None:
    """One byte form for what a person types on any keyboard; None for what no password can be."""
    if len(password) > MAX_BYTES:
        return None
    try:
        canonical = unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        return None
    return canonical if len(canonical) <= MAX_BYTES else None


def _unmatchable(hasher: PasswordHasher) -> str:
    """A hash with `hasher`'s cost that no known password makes: the work for accounts that don't exist."""

    def part(size: int) -> str:
        return b64encode(secrets.token_bytes(size)).decode().rstrip("=")

    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${part(hasher.salt_len)}${part(hasher.hash_len)}"
