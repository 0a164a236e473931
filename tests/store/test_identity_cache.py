"""Kept identities: quick, and never older than the last commit of anybody."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from tests.store.samples import add_membership, add_session, add_team, add_user
from tests.support.identities import session_identity
from tidewire.core.identities import Identity
from tidewire.core.time import now
from tidewire.store.caches import identity_cache as identity_cache_module
from tidewire.store.caches.identity_cache import IdentityCache
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.engine.reading import Lane
from tidewire.store.records.identities import IdentityRows, identity_of, rows_by_secret
from tidewire.store.schema import authenticators, memberships, sessions, targets, teams, users
from tidewire.store.secrets.credentials import InvalidJwtError, encode_jwt, encode_session, hash_secret

SECRET = b"0123456789abcdef0123456789abcdef"
SESSION = encode_session("u1", "right")
HOUR = 3_600_000

Change = Callable[[Connection], object]

CHANGES: dict[str, Change] = {
    "session deleted": lambda connection: connection.execute(delete(sessions).where(sessions.c.id == "s1")),
    "all sessions deleted": lambda connection: connection.execute(
        delete(sessions).where(sessions.c.user_id == "u1")
    ),
    "session expired": lambda connection: connection.execute(update(sessions).values(expires_at=1)),
    "session moved to another user": lambda connection: connection.execute(
        update(sessions).values(user_id="u2")
    ),
    "second factor shown": lambda connection: connection.execute(
        update(sessions).values(factors=["password", "totp"], mfa_updated_at=5)
    ),
    "user blocked": lambda connection: connection.execute(update(users).values(status=False)),
    "user deleted": lambda connection: connection.execute(delete(users).where(users.c.id == "u1")),
    "user verified": lambda connection: connection.execute(update(users).values(email_verification=True)),
    "labels": lambda connection: connection.execute(update(users).values(labels=["vip"])),
    "preferences": lambda connection: connection.execute(update(users).values(prefs={"a": 1})),
    "impersonator": lambda connection: connection.execute(update(users).values(impersonator=True)),
    "member of another team": lambda connection: add_membership(
        connection, "m2", "t2", "u1", confirmed=True, roles=["owner"]
    ),
    "membership confirmed": lambda connection: connection.execute(update(memberships).values(confirmed=True)),
    "roles": lambda connection: connection.execute(update(memberships).values(roles=["owner"])),
    "membership deleted": lambda connection: connection.execute(delete(memberships)),
    "team deleted": lambda connection: connection.execute(delete(teams).where(teams.c.id == "t1")),
    "target": lambda connection: connection.execute(
        insert(targets).values(
            id="g1", created_at=1, updated_at=1, user_id="u1", provider_type="email", identifier="a@b.test"
        )
    ),
    "authenticator": lambda connection: connection.execute(
        insert(authenticators).values(
            id="a1", created_at=1, updated_at=1, user_id="u1", type="totp", secret="", verified=True
        )
    ),
}


def populate(connection: Connection) -> None:
    add_user(connection, "u1")
    add_user(connection, "u2")
    add_session(connection, "s1", "u1", secret_hash=hash_secret("right"), expires_at=now() + HOUR)
    add_team(connection, "t1")
    add_team(connection, "t2")
    add_membership(connection, "m1", "t1", "u1", confirmed=False, roles=["developer"])


@pytest.fixture
async def cache(database: Database) -> AsyncIterator[IdentityCache]:
    await database.write(lambda transaction: populate(transaction.connection))
    yield IdentityCache(database, SECRET)


class Made:
    """Counts the identities that are made anew."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0

        def counted(connection: Connection, rows: IdentityRows) -> Identity:
            self.count += 1
            return identity_of(connection, rows)

        monkeypatch.setattr(identity_cache_module, "identity_of", counted)


async def apply(database: Database, change: Change) -> None:
    await database.write(lambda transaction: change(transaction.connection) and None)


async def fresh(database: Database) -> Identity | None:
    return await database.read(lambda connection: session_identity(connection, SESSION, now()))


async def test_a_kept_identity_is_that_of_the_database(database: Database, cache: IdentityCache) -> None:
    token = encode_jwt("u1", "s1", now() + HOUR, SECRET)
    for _ in range(3):
        assert await cache.by_session(SESSION) == await fresh(database)
        assert await cache.by_jwt(token) == await fresh(database)
        by_id = await cache.by_id("u1")
        assert by_id is not None
        assert (by_id.user_id, by_id.session_id) == ("u1", "")
    assert await cache.by_id("u9") is None
    for session in ("", "x", encode_session("u1", "wrong"), encode_session("u2", "right")):
        assert await cache.by_session(session) is None


async def test_no_identity_is_made_again_of_a_user_who_did_not_change(
    database: Database, cache: IdentityCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch)
    for _ in range(5):
        assert await cache.by_session(SESSION) is not None
        await database.write(
            lambda transaction: (
                transaction.connection.execute(update(users).where(users.c.id == "u2").values(name="Other"))
                and None
            )
        )
    assert made.count == 1


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("by_another", [False, True], ids=["own commit", "commit of another"])
async def test_every_change_counts_from_its_commit_on(
    database: Database, cache: IdentityCache, name: str, by_another: bool
) -> None:
    token = encode_jwt("u1", "s1", now() + HOUR, SECRET)
    before = await cache.by_session(SESSION), await cache.by_jwt(token), await cache.by_id("u1")
    assert None not in before
    other = await Database.open(database.path, "shop")
    writer = other if by_another else database
    await apply(writer, CHANGES[name])
    after = await fresh(database)
    assert after != before[0]
    assert await cache.by_session(SESSION) == after
    assert await cache.by_jwt(token) == after
    if after is not None:
        by_id = await cache.by_id("u1")
        assert by_id is not None
        assert (by_id.account, by_id.roles) == (after.account, after.roles)
    await other.close()


async def test_another_process_revokes_a_session(database: Database, cache: IdentityCache) -> None:
    assert await cache.by_session(SESSION) is not None
    program = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute(\"DELETE FROM sessions WHERE id = 's1'\")\n"
        "connection.commit()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(database.path), stdout=subprocess.DEVNULL
    )
    assert await process.wait() == 0
    assert await cache.by_session(SESSION) is None


async def test_a_session_ends_by_itself(
    database: Database, cache: IdentityCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = encode_jwt("u1", "s1", now() + HOUR // 2, SECRET)
    assert await cache.by_session(SESSION) is not None
    assert await cache.by_jwt(token) is not None
    monkeypatch.setattr(identity_cache_module, "now", lambda: now() + HOUR // 2 + 2000)
    assert await cache.by_session(SESSION) is not None
    with pytest.raises(InvalidJwtError, match="expired"):
        await cache.by_jwt(token)
    monkeypatch.setattr(identity_cache_module, "now", lambda: now() + HOUR + 2000)
    assert await cache.by_session(SESSION) is None


async def test_a_change_while_the_user_is_read_is_not_missed(
    database: Database, cache: IdentityCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = database.read

    async def overtaken(unit: Callable[[Connection], Identity | None], lane: Lane) -> Identity | None:
        identity = await read(unit, lane)
        await apply(database, CHANGES["session deleted"])
        return identity

    with monkeypatch.context() as patch:
        patch.setattr(database, "find_at_once", lambda *_: None)
        patch.setattr(database, "read", overtaken)
        await cache.by_session(SESSION)
    assert await cache.by_session(SESSION) is None


async def test_a_change_between_two_statements_makes_no_user_who_never_was(
    database: Database, cache: IdentityCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(connection: Connection, user_id: str, secret_hash: str) -> IdentityRows | None:
        found = rows_by_secret(connection, user_id, secret_hash)
        monkeypatch.setattr(identity_cache_module, "rows_by_secret", rows_by_secret)
        with closing(sqlite3.connect(database.path)) as other, other:
            other.execute("UPDATE memberships SET confirmed = 1")
        return found

    monkeypatch.setattr(identity_cache_module, "rows_by_secret", overtaken)
    identity = await cache.by_session(SESSION)
    assert identity == await fresh(database)
    assert identity is not None
    assert "team:t1" in identity.roles


async def test_a_locked_database_is_asked_again(
    database: Database, cache: IdentityCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch)
    assert await cache.by_session(SESSION) is not None
    with monkeypatch.context() as patch:
        patch.setattr(database, "find_at_once", lambda *_: None)
        await apply(database, CHANGES["member of another team"])
        found = await cache.by_session(SESSION)
    assert found is not None
    assert found == await fresh(database)
    assert made.count == 2


async def test_no_more_is_kept_than_fits(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await database.write(lambda transaction: populate(transaction.connection))
    for number in range(9):
        await apply(database, partial(add_user, user_id=f"v{number}"))
    cache = IdentityCache(database, SECRET, capacity=3)
    made = Made(monkeypatch)
    for user_id in ("v0", "v1", "v2", "v0", "v3", "v0", "v1"):
        assert await cache.by_id(user_id) is not None
    assert made.count == 5  # v1 was used least recently when v3 came
    for number in range(50):
        with pytest.raises(InvalidJwtError):
            await cache.by_jwt(f"forged{number}")
    assert len(cache._tokens) == 0


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is filled once, to be copied."""
    path = tmp_path_factory.mktemp("populated") / "database.sqlite3"

    async def run() -> None:
        database = await Database.open(path, "shop", synchronous="normal")
        await database.write(lambda transaction: populate(transaction.connection))
        await database.close()

    asyncio.run(run())
    return path


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=6))
def test_any_history_of_changes(
    populated: Path, tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    async def run(path: Path) -> None:
        shutil.copy(populated, path)
        database = await Database.open(path / populated.name, "shop", synchronous="normal")
        cache = IdentityCache(database, SECRET)
        for name in dict.fromkeys(names):
            assert await cache.by_session(SESSION) == await fresh(database)
            if name in {"member of another team", "target", "authenticator"} and not await cache.by_id("u1"):
                continue
            await apply(database, CHANGES[name])
            assert await cache.by_session(SESSION) == await fresh(database)
        await database.close()

    asyncio.run(run(tmp_path_factory.mktemp("history")))
