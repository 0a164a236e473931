"""Hashing and checking of passwords: argon2id, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import argon2
from argon2.exceptions import InvalidHashError

from tidewire.services.password_hashes import verify_hash

OWN_SCHEME: Final = "argon2"
"""The scheme of the hashes made here; others come from imports."""


class PasswordHasher:
    """argon2id in a few threads of its own, so that logins neither stall requests nor exhaust memory.

    At most ``concurrency`` computations run at once, each using ``memory_cost`` KiB; further ones
    wait in line. The defaults are the minimum that the OWASP password storage guide asks of argon2id.
    """

    def __init__(
        self, *, time_cost: int = 2, memory_cost: int = 19 * 1024, parallelism: int = 1, concurrency: int = 2
    ) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=time_cost, memory_cost=memory_cost, parallelism=parallelism, type=argon2.Type.ID
        )
        self._threads = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        """Return the hash of a password with its salt and parameters, in the PHC string format."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._argon2.hash, password)

    async def verify(
        self,
        stored: str | None,
        password: str,
        scheme: str = OWN_SCHEME,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Tell whether ``password`` has the ``stored`` hash of this ``scheme``.

        None or an empty text stands for a user who does not exist or has no password: the answer is
        False after the same work, so that the time taken does not tell which it was.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._verify, stored, password, scheme, options or {}
        )

    def is_outdated(self, stored: str, scheme: str) -> bool:
        """Whether a hash should be replaced by a new one as soon as its password is known."""
        if scheme != OWN_SCHEME:
            return True
        try:
            return self._argon2.check_needs_rehash(stored)
        except InvalidHashError:
            return True

    def close(self) -> None:
        """Drop the waiting computations and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _verify(self, stored: str | None, password: str, scheme: str, options: Mapping[str, Any]) -> bool:
        if stored and verify_hash(scheme, stored, options, password):
            return True
        if not stored or scheme != OWN_SCHEME:
            # Cheap schemes must not tell by their speed whose password was imported.
            self._argon2.hash(password)
        return False
