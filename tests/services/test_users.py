from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from tests.services.world import GUEST, KEY, PASSWORD, World, on_the_wire, payload
from tidewire.core.errors import TidewireError
from tidewire.services.account import updates, users
from tidewire.store.schema import users as table


async def test_sign_up(world: World) -> None:
    account = await users.create(world.context(GUEST), "ada", "Ada@Example.COM", PASSWORD, "Ada")
    assert (account.id, account.email, account.name, account.status) == (
        "ada",
        "ada@example.com",
        "Ada",
        True,
    )
    assert account.registration == account.password_update == account.created_at
    assert account.prefs == {}
    assert account.email_canonical == "ada@example.com"
    (event,) = await world.events()
    assert event.names[0] == "users.ada.create"
    assert event.channels == ["account", "account.ada", "account.create", "account.ada.create"]
    assert event.roles == ["user:ada"]
    assert event.user_id == "ada"
    assert payload(event) == on_the_wire(account)


async def test_the_password_is_nowhere_but_hashed(world: World) -> None:
    await users.create(world.context(GUEST), "ada", "ada@example.com", PASSWORD)
    stored = await world.database.read(lambda connection: connection.scalar(select(table.c.password_hash)))
    assert stored is not None
    assert stored.startswith("$argon2id$")
    (event,) = await world.events()
    assert PASSWORD.encode() not in event.payload
    assert b"argon2" not in event.payload


async def test_the_server_chooses_an_id(world: World) -> None:
    account = await users.create(world.context(GUEST), "unique()", "ada@example.com", PASSWORD)
    assert len(account.id) == 20


@pytest.mark.parametrize(("user_id", "email"), [("ada", "other@example.com"), ("other", "ADA@example.com")])
async def test_id_and_email_are_unique(world: World, user_id: str, email: str) -> None:
    await world.user("ada")
    with pytest.raises(TidewireError) as refused:
        await users.create(world.context(GUEST), user_id, email, PASSWORD)
    assert refused.value.type == "user_already_exists"
    assert len(await world.events()) == 1


async def test_of_many_at_once_one_gets_the_address(world: World) -> None:
    attempts = [users.create(world.context(GUEST), "unique()", "ada@example.com", PASSWORD) for _ in range(8)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, TidewireError)]
    assert [error.type for error in refused] == ["user_already_exists"] * 7
    assert len(await world.events()) == 1


async def test_get(world: World) -> None:
    ada = await world.user("ada")
    account = await users.get(world.context(ada))
    assert account.id == "ada"
    with pytest.raises(TidewireError) as refused:
        await users.get(world.context(KEY))
    assert refused.value.code == 401


async def test_preferences_are_replaced_and_published(world: World) -> None:
    ada = await world.user("ada")
    assert await updates.get_prefs(world.context(ada)) == {}
    prefs = {"theme": "dark", "sizes": [1, 2.5, None], "nested": {"ключ": True}}
    account = await updates.update_prefs(world.context(ada), prefs)
    assert account.prefs == prefs
    event = await world.last_event()
    assert event.names[:2] == ["users.ada.update", "users.*.update"]
    assert "users.ada.update.prefs" in event.names
    assert event.channels == ["account", "account.ada", "account.update", "account.ada.update"]
    assert payload(event) == on_the_wire(account)
    assert (await updates.update_prefs(world.context(ada), {"a": 1})).prefs == {"a": 1}


async def test_preferences_of_a_deleted_user(world: World) -> None:
    ada = await world.user("ada")
    await world.database.write(lambda transaction: transaction.connection.execute(table.delete()) and None)
    with pytest.raises(TidewireError) as refused:
        await updates.update_prefs(world.context(ada), {"a": 1})
    assert refused.value.type == "user_not_found"
    assert len(await world.events()) == 1
