from __future__ import annotations

import pytest
from sqlalchemy import select, update

from tests.services.world import GUEST, JWT_SECRET, KEY, PASSWORD, World, on_the_wire, payload
from tests.support.identities import jwt_identity
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.models import Session
from tidewire.core.time import now, parse_datetime
from tidewire.services.account import sessions, updates
from tidewire.store.schema import sessions as table
from tidewire.store.schema import users as users_table
from tidewire.store.secrets.credentials import InvalidJwtError


async def sign_in(world: World, user_id: str, caller: Caller = GUEST) -> tuple[Session, Caller, str]:
    context = world.context(caller)
    session = await sessions.create_email_password_session(context, f"{user_id}@example.com", PASSWORD)
    assert context.session_started is not None
    signed_in = await world.caller_of(context.session_started.value)
    assert signed_in is not None
    return session, signed_in, context.session_started.value


async def test_sign_in(world: World) -> None:
    await world.user("ada")
    context = world.context(GUEST)
    session = await sessions.create_email_password_session(context, "ADA@example.com", PASSWORD)
    assert (session.user_id, session.provider, session.provider_uid) == ("ada", "email", "ada@example.com")
    assert session.factors == ["password"]
    assert session.current
    assert session.secret == ""
    assert (session.client_name, session.os_name, session.ip) == ("Chrome", "Linux", "203.0.113.7")
    assert context.session_started is not None
    assert parse_datetime(session.expire) == context.session_started.expires
    assert abs(context.session_started.expires - now() - world.settings.session_duration * 1000) < 60_000
    caller = await world.caller_of(context.session_started.value)
    assert caller is not None
    assert caller.user_id == "ada"
    assert caller.identity is not None
    assert caller.identity.session_id == session.id


async def test_the_event_of_a_session_holds_no_secret(world: World) -> None:
    await world.user("ada")
    session, _, encoded = await sign_in(world, "ada", KEY)
    assert session.secret == encoded
    event = await world.last_event()
    assert event.names[0] == f"users.ada.sessions.{session.id}.create"
    assert event.channels == ["account", "account.ada"]
    assert event.roles == ["user:ada"]
    assert payload(event) == on_the_wire(session) | {"secret": "", "current": True}
    stored = await world.database.read(lambda connection: connection.execute(select(table)).one())
    assert stored.secret_hash not in encoded
    assert encoded not in str(stored)


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.com", "wrong password"), ("nobody@example.com", PASSWORD), ("ada@example.com", "")],
)
async def test_wrong_credentials_look_alike(world: World, email: str, password: str) -> None:
    await world.user("ada")
    context = world.context(GUEST)
    with pytest.raises(TidewireError) as refused:
        await sessions.create_email_password_session(context, email, password)
    assert refused.value.type == "user_invalid_credentials"
    assert "ada" not in refused.value.message
    assert context.session_started is None
    assert len(await world.events()) == 1


async def test_blocked_users_cannot_sign_in(world: World) -> None:
    await world.user("ada")
    block = update(users_table).values(status=False)
    await world.database.write(lambda transaction: transaction.connection.execute(block) and None)
    with pytest.raises(TidewireError) as refused:
        await sign_in(world, "ada")
    assert refused.value.type == "user_blocked"
    with pytest.raises(TidewireError) as wrong:
        await sessions.create_email_password_session(world.context(GUEST), "ada@example.com", "wrong one")
    assert wrong.value.type == "user_invalid_credentials"


async def test_anonymous_users(world: World) -> None:
    first = await sessions.create_anonymous_session(world.context(GUEST))
    second = await sessions.create_anonymous_session(world.context(GUEST))
    assert first.user_id != second.user_id
    assert (first.provider, first.factors) == ("anonymous", ["anonymous"])
    created, started, *_ = await world.events()
    assert created.names[0] == f"users.{first.user_id}.create"
    assert payload(created)["email"] == ""
    assert started.names[0] == f"users.{first.user_id}.sessions.{first.id}.create"
    assert created.roles == started.roles == [f"user:{first.user_id}"]


async def test_list_and_get_show_only_own_sessions(world: World) -> None:
    await world.user("ada")
    await world.user("bob")
    first, _, _ = await sign_in(world, "ada")
    second, ada, _ = await sign_in(world, "ada")
    theirs, _, _ = await sign_in(world, "bob")
    listed = await sessions.list_sessions(world.context(ada))
    assert listed.total == 2
    assert [(each.id, each.current) for each in listed.sessions] == [(first.id, False), (second.id, True)]
    assert all(each.secret == "" for each in listed.sessions)
    assert (await sessions.get_session(world.context(ada), "current")).id == second.id
    assert not (await sessions.get_session(world.context(ada), first.id)).current
    for attempt in (sessions.get_session, sessions.delete_session):
        with pytest.raises(TidewireError) as refused:
            await attempt(world.context(ada), theirs.id)
        assert refused.value.type == "user_session_not_found"


async def test_expired_sessions_do_not_exist(world: World) -> None:
    await world.user("ada")
    _, ada, encoded = await sign_in(world, "ada")
    expire = update(table).values(expires_at=now() - 1)
    await world.database.write(lambda transaction: transaction.connection.execute(expire) and None)
    assert await world.caller_of(encoded) is None
    assert (await sessions.list_sessions(world.context(ada))).total == 0
    with pytest.raises(TidewireError):
        await sessions.get_session(world.context(ada), "current")
    with pytest.raises(TidewireError) as refused:
        await sessions.create_jwt(world.context(ada))
    assert refused.value.type == "user_session_not_found"


async def test_sign_out(world: World) -> None:
    await world.user("ada")
    other, _, other_encoded = await sign_in(world, "ada")
    session, ada, encoded = await sign_in(world, "ada")
    elsewhere, here = world.context(ada), world.context(ada)
    await sessions.delete_session(elsewhere, other.id)
    assert not elsewhere.session_ended
    assert await world.caller_of(other_encoded) is None
    await sessions.delete_session(here, "current")
    assert here.session_ended
    assert await world.caller_of(encoded) is None
    event = await world.last_event()
    assert event.names[0] == f"users.ada.sessions.{session.id}.delete"
    assert event.channels == ["account", "account.ada"]
    assert payload(event)["$id"] == session.id


async def test_sign_out_everywhere_publishes_the_current_session_only(world: World) -> None:
    await world.user("ada")
    await world.user("bob")
    _, _, other = await sign_in(world, "ada")
    session, ada, encoded = await sign_in(world, "ada")
    _, _, theirs = await sign_in(world, "bob")
    before = len(await world.events())
    context = world.context(ada)
    await sessions.delete_sessions(context)
    assert context.session_ended
    assert await world.caller_of(other) is None
    assert await world.caller_of(encoded) is None
    assert await world.caller_of(theirs) is not None
    (event,) = (await world.events())[before:]
    assert event.names[0] == f"users.ada.sessions.{session.id}.delete"


async def test_sign_out_everywhere_without_a_session_publishes_nothing(world: World) -> None:
    without = await world.user("ada")
    await sign_in(world, "ada")
    before = len(await world.events())
    await sessions.delete_sessions(world.context(without))
    assert (await sessions.list_sessions(world.context(without))).total == 0
    assert len(await world.events()) == before


async def test_tokens_stand_for_the_session(world: World) -> None:
    await world.user("ada")
    session, ada, _ = await sign_in(world, "ada")
    token = (await sessions.create_jwt(world.context(ada), 60)).jwt
    identity = await world.database.read(
        lambda connection: jwt_identity(connection, token, JWT_SECRET, now())
    )
    assert identity is not None
    assert (identity.user_id, identity.session_id) == ("ada", session.id)
    with pytest.raises(InvalidJwtError):
        await world.database.read(
            lambda connection: jwt_identity(connection, token, JWT_SECRET, now() + 61_000)
        )
    await sessions.delete_sessions(world.context(ada))
    assert (
        await world.database.read(lambda connection: jwt_identity(connection, token, JWT_SECRET, now()))
        is None
    )


async def test_a_token_makes_no_token(world: World) -> None:
    await world.user("ada")
    _, _, encoded = await sign_in(world, "ada")
    by_jwt = await world.caller_of(encoded, by_jwt=True)
    assert by_jwt is not None
    with pytest.raises(TidewireError) as refused:
        await sessions.create_jwt(world.context(by_jwt))
    assert refused.value.type == "user_jwt_creation_denied"


async def test_no_account_no_session(world: World) -> None:
    for caller in (GUEST, KEY):
        with pytest.raises(TidewireError) as refused:
            await sessions.list_sessions(world.context(caller))
        assert refused.value.code == 401
        with pytest.raises(TidewireError):
            await updates.get_prefs(world.context(caller))
