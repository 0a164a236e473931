from __future__ import annotations

import asyncio

from argon2 import extract_parameters

from tidewire.services.passwords import PasswordHasher


async def test_only_the_password_verifies() -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8)
    stored = await hasher.hash("päßword 🔑")
    assert stored.startswith("$argon2id$")
    assert await hasher.verify(stored, "päßword 🔑")
    assert not await hasher.verify(stored, "paßword 🔑")
    assert await hasher.hash("päßword 🔑") != stored
    hasher.close()


async def test_a_missing_hash_never_verifies() -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8)
    assert not await hasher.verify(None, "password")
    assert not await hasher.verify("", "")
    hasher.close()


async def test_many_at_once_all_get_an_answer() -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, concurrency=2)
    stored = await hasher.hash("one")
    answers = await asyncio.gather(*(hasher.verify(stored, "one" if n % 2 else "two") for n in range(20)))
    assert answers == [bool(n % 2) for n in range(20)]
    hasher.close()


async def test_default_cost_is_what_owasp_asks() -> None:
    hasher = PasswordHasher()
    parameters = extract_parameters(await hasher.hash("password"))
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)
    hasher.close()
