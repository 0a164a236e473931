"""Users as servers manage them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert

from tests.services.people import refused
from tests.services.world import GUEST, JWT_SECRET, PASSWORD, World, on_the_wire, payload
from tests.support.identities import jwt_identity
from tidewire.core.events import Event
from tidewire.core.models import Account, User
from tidewire.core.time import now
from tidewire.services.account import sessions as own_sessions
from tidewire.services.teams import invitations, teams
from tidewire.services.users import creation, identities, sessions, targets, updates, users
from tidewire.store.schema import user_identities


def shown_in_events(user: User) -> dict[str, Any]:
    """The user without what only servers see."""
    return on_the_wire(Account(**{name: getattr(user, name) for name in Account.__struct_fields__}))


def assert_tells(event: Event, name: str, user: User) -> None:
    """The event of a user reaches that user, with nothing secret."""
    assert name in event.names
    assert event.roles == [f"user:{user.id}"]
    assert (event.user_id, event.permissions_changed) == (user.id, False)
    assert event.channels[:2] == ["account", f"account.{user.id}"]
    assert payload(event) == shown_in_events(user)


async def signs_in(world: World, email: str, password: str = PASSWORD) -> bool:
    try:
        await own_sessions.create_email_password_session(world.context(GUEST), email, password)
    except Exception:
        return False
    return True


async def test_creating_a_user(world: World) -> None:
    user = await creation.create(world.context(), "ada", "Ada@Example.com", "+4915112345678", PASSWORD, "Ada")
    assert (user.id, user.email, user.phone, user.name) == (
        "ada",
        "ada@example.com",
        "+4915112345678",
        "Ada",
    )
    assert user.password is not None
    assert user.password.startswith("$argon2id$")
    assert user.hash == "argon2"
    assert user.hash_options == {"type": "argon2", "memoryCost": 8, "timeCost": 1, "threads": 1}
    assert [(target.provider_type, target.identifier) for target in user.targets] == [
        ("email", "ada@example.com"),
        ("sms", "+4915112345678"),
    ]
    event = await world.last_event()
    assert_tells(event, "users.ada.create", user)
    assert b"argon2" not in event.payload
    assert await signs_in(world, "ada@example.com")


async def test_creating_users_of_whom_little_is_known(world: World) -> None:
    first = await creation.create(world.context(), "unique()")
    second = await creation.create(world.context(), "unique()")
    assert first.id != second.id
    assert (first.email, first.phone, first.password, first.hash, first.hash_options) == ("", "", "", "", {})


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "ada"},
        {"user_id": "bob", "email": "ADA@example.com"},
        {"user_id": "bob", "phone": "+4915112345678"},
    ],
)
async def test_users_are_distinct(world: World, other: dict[str, str]) -> None:
    await creation.create(world.context(), "ada", "ada@example.com", "+4915112345678")
    with refused("user_already_exists"):
        await creation.create(world.context(), **other)


async def test_an_address_of_an_identity_is_taken(world: World) -> None:
    await creation.create(world.context(), "ada")
    await add_identity(world)
    with refused("user_email_already_exists"):
        await creation.create(world.context(), "bob", "ada@elsewhere.example")
    await creation.create(world.context(), "carl")
    with refused("user_email_already_exists"):
        await updates.update_email(world.context(), "carl", "ada@elsewhere.example")
    assert (await updates.update_email(world.context(), "ada", "ada@elsewhere.example")).email


async def test_only_servers_see_hashes(world: World) -> None:
    await creation.create(world.context(), "ada", "ada@example.com", password=PASSWORD)
    bob = await world.user("bob")
    seen = await users.get(world.context(bob), "ada")
    assert (seen.password, seen.hash, seen.hash_options) == (None, None, None)
    listed = await users.list_users(world.context(bob))
    assert all(user.password is None for user in listed.users)
    assert (await users.get(world.context(), "ada")).password


CHANGES: list[tuple[Any, tuple[Any, ...], str, str, Any]] = [
    (updates.update_name, ("Ada L.",), "name", "name", "Ada L."),
    (updates.update_name, ("",), "name", "name", ""),
    (updates.update_status, (False,), "status", "status", False),
    (updates.update_labels, (["vip", "vip", "a1"],), "labels", "labels", ["vip", "a1"]),
    (updates.update_email_verification, (True,), "verification", "email_verification", True),
    (updates.update_phone_verification, (True,), "verification", "phone_verification", True),
    (updates.update_impersonator, (True,), "impersonator", "impersonator", True),
    (updates.update_email, ("New@Example.com",), "email", "email", "new@example.com"),
    (updates.update_email, ("",), "email", "email", ""),
    (updates.update_phone, ("+4930123456",), "phone", "phone", "+4930123456"),
    (updates.update_phone, ("",), "phone", "phone", ""),
]


@pytest.mark.parametrize(("change", "arguments", "event", "field", "value"), CHANGES)
async def test_changes(
    world: World, change: Any, arguments: tuple[Any, ...], event: str, field: str, value: Any
) -> None:
    await creation.create(world.context(), "ada", "ada@example.com", "+4915112345678", PASSWORD, "Ada")
    changed = await change(world.context(), "ada", *arguments)
    assert getattr(changed, field) == value
    assert changed == await users.get(world.context(), "ada")
    assert_tells(await world.last_event(), f"users.ada.update.{event}", changed)
    before = len(await world.events())
    with refused("user_not_found"):
        await change(world.context(), "nobody", *arguments)
    assert len(await world.events()) == before


async def test_a_new_address_is_not_verified(world: World) -> None:
    await creation.create(world.context(), "ada", "ada@example.com", "+4915112345678")
    await updates.update_email_verification(world.context(), "ada", True)
    await updates.update_phone_verification(world.context(), "ada", True)
    changed = await updates.update_email(world.context(), "ada", "new@example.com")
    assert (changed.email_verification, changed.phone_verification) == (False, True)
    changed = await updates.update_phone(world.context(), "ada", "+4930123456")
    assert not changed.phone_verification
    assert [target.identifier for target in changed.targets] == ["new@example.com", "+4930123456"]
    assert (await updates.update_phone(world.context(), "ada", "")).targets == changed.targets[:1]


async def test_addresses_of_others_are_taken(world: World) -> None:
    await creation.create(world.context(), "ada", "ada@example.com", "+4915112345678")
    await creation.create(world.context(), "bob", "bob@example.com")
    with refused("user_target_already_exists"):
        await updates.update_email(world.context(), "bob", "ADA@example.com")
    with refused("user_target_already_exists"):
        await updates.update_phone(world.context(), "bob", "+4915112345678")
    await targets.create_target(world.context(), "t1", "ada", "email", "list@example.com")
    with refused("user_target_already_exists"):
        await updates.update_email(world.context(), "bob", "list@example.com")


async def test_preferences(world: World) -> None:
    await creation.create(world.context(), "ada")
    assert await updates.update_prefs(world.context(), "ada", {"a": [1]}) == {"a": [1]}
    assert await users.get_prefs(world.context(), "ada") == {"a": [1]}
    event = await world.last_event()
    assert "users.ada.update.prefs" in event.names
    assert payload(event)["$id"] == "ada"


async def test_a_new_password_ends_all_sessions(world: World) -> None:
    ada = await world.user("ada")
    assert await signs_in(world, "ada@example.com")
    changed = await updates.update_password(world.context(), "ada", "another password")
    assert (await sessions.list_sessions(world.context(), "ada")).total == 0
    told, ended = (await world.events())[-2:]
    assert_tells(told, "users.ada.update.password", changed)
    assert ended.pattern.endswith("sessions.[sessionId].delete")
    assert not await signs_in(world, "ada@example.com")
    assert await signs_in(world, "ada@example.com", "another password")
    assert ada.user_id == "ada"


async def test_sessions_may_outlive_a_password(world: World) -> None:
    settings = msgspec.structs.replace(world.project.settings, session_invalidation=False)
    world.project = replace(world.project, settings=settings)
    await world.user("ada")
    assert await signs_in(world, "ada@example.com")
    await updates.update_password(world.context(), "ada", "another password")
    assert (await sessions.list_sessions(world.context(), "ada")).total == 1


async def test_the_rules_for_passwords_hold_for_servers(world: World) -> None:
    settings = msgspec.structs.replace(
        world.project.settings, password_personal_data=True, password_dictionary=True, password_history=2
    )
    world.project = replace(world.project, settings=settings)
    with refused("password_personal_data"):
        await creation.create(world.context(), "adalovelace", password="1adalovelace1")
    with refused("general_argument_invalid"):
        await creation.create(world.context(), "ada", password="password1")
    await creation.create(world.context(), "ada", "ada@example.com", password="tR0mbone9!")
    with refused("password_recently_used"):
        await updates.update_password(world.context(), "ada", "tR0mbone9!")


async def test_without_password_nobody_signs_in(world: World) -> None:
    await world.user("ada")
    changed = await updates.update_password(world.context(), "ada", "")
    assert (changed.password, changed.hash, changed.hash_options) == ("", "", {})
    assert not await signs_in(world, "ada@example.com")
    assert not await signs_in(world, "ada@example.com", "")


async def test_a_blocked_user_does_not_sign_in(world: World) -> None:
    await world.user("ada")
    await updates.update_status(world.context(), "ada", False)
    assert not await signs_in(world, "ada@example.com")
    await updates.update_status(world.context(), "ada", True)
    assert await signs_in(world, "ada@example.com")


async def test_deleting_a_user(world: World) -> None:
    ada = await world.user("ada")
    await teams.create(world.context(ada), "t1", "Choir")
    await signs_in(world, "ada@example.com")
    await users.delete(world.context(), "ada")
    event = await world.last_event()
    assert event.names[0] == "users.ada.delete"
    assert (event.roles, event.user_id) == (["user:ada"], "ada")
    assert payload(event) == {"$id": "ada"}
    with refused("user_not_found"):
        await users.get(world.context(), "ada")
    assert (await teams.get(world.context(), "t1")).total == 0
    await world.user("ada")
    assert (await sessions.list_sessions(world.context(), "ada")).total == 0
    assert (await teams.list_teams(world.context(ada))).total == 0


async def test_memberships_of_a_user(world: World) -> None:
    await creation.create(world.context(), "ada", "ada@example.com", name="Ada")
    for team_id in ("t1", "t2"):
        await teams.create(world.context(), team_id, f"Team {team_id}")
        await invitations.create_membership(world.context(), team_id, ["alto"], user_id="ada")
    listed = await users.list_memberships(world.context(), "ada")
    assert listed.total == 2
    assert [each.team_name for each in listed.memberships] == ["Team t1", "Team t2"]
    assert {each.user_name for each in listed.memberships} == {"Ada"}
    query = json.dumps({"method": "equal", "attribute": "teamId", "values": ["t2"]})
    assert (await users.list_memberships(world.context(), "ada", [query])).total == 1
    with refused("user_not_found"):
        await users.list_memberships(world.context(), "nobody")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"method": "equal", "attribute": "name", "values": ["Ada"]}, ["ada"]),
        ({"method": "equal", "attribute": "email", "values": ["bob@example.com"]}, ["bob"]),
        ({"method": "isNull", "attribute": "email"}, ["ada", "eve"]),
        ({"method": "startsWith", "attribute": "phone", "values": ["+49"]}, ["ada"]),
        ({"method": "equal", "attribute": "status", "values": [False]}, ["eve"]),
        ({"method": "contains", "attribute": "labels", "values": ["vip"]}, ["ada", "bob"]),
        ({"method": "containsAll", "attribute": "labels", "values": ["vip", "new"]}, ["bob"]),
        ({"method": "notContains", "attribute": "labels", "values": ["vip"]}, ["eve"]),
        ({"method": "greaterThan", "attribute": "passwordUpdate", "values": ["2020-01-01"]}, ["bob"]),
        ({"method": "lessThan", "attribute": "registration", "values": ["2020-01-01"]}, []),
        ({"method": "equal", "attribute": "emailVerification", "values": [True]}, ["bob"]),
        ({"method": "equal", "attribute": "phoneVerification", "values": [True]}, []),
        (
            {"method": "greaterThan", "attribute": "accessedAt", "values": ["2020-01-01"]},
            ["ada", "bob", "eve"],
        ),
        ({"method": "equal", "attribute": "impersonator", "values": [True]}, ["eve"]),
        ({"method": "orderDesc", "attribute": "$id"}, ["eve", "bob", "ada"]),
        ({"method": "cursorAfter", "values": ["bob"]}, ["eve"]),
    ],
)
async def test_list_queries(world: World, query: dict[str, Any], found: list[str]) -> None:
    await crowd(world)
    listed = await users.list_users(world.context(), [json.dumps(query)])
    assert [user.id for user in listed.users] == found


async def crowd(world: World) -> None:
    context = world.context()
    await creation.create(context, "ada", phone="+4915112345678", name="Ada")
    await creation.create(context, "bob", "bob@example.com", password=PASSWORD, name="Bob")
    await creation.create(context, "eve", name="Eve")
    await updates.update_labels(context, "ada", ["vip"])
    await updates.update_labels(context, "bob", ["new", "vip"])
    await updates.update_email_verification(context, "bob", True)
    await updates.update_status(context, "eve", False)
    await updates.update_impersonator(context, "eve", True)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ada", ["ada"]),
        ("EXAMPLE.com", ["bob"]),
        ("4915112", ["ada"]),
        ("vip", ["ada", "bob"]),
        ("bob vip", ["bob"]),
        ("%", []),
    ],
)
async def test_search(world: World, search: str, found: list[str]) -> None:
    await crowd(world)
    listed = await users.list_users(world.context(), search=search)
    assert ([user.id for user in listed.users], listed.total) == (found, len(found))
    await updates.update_name(world.context(), "bob", "Ada II.")
    assert "bob" in [user.id for user in (await users.list_users(world.context(), search="ada")).users]


async def test_a_session_for_a_user(world: World) -> None:
    await creation.create(world.context(), "ada")
    session = await sessions.create_session(world.context(), "ada")
    assert (session.provider, session.factors, session.current) == ("server", ["server"], False)
    caller = await world.caller_of(session.secret)
    assert caller is not None
    assert caller.user_id == "ada"
    event = await world.last_event()
    assert payload(event)["secret"] == ""
    assert session.secret.encode() not in event.payload
    listed = await sessions.list_sessions(world.context(), "ada")
    assert [(each.id, each.secret) for each in listed.sessions] == [(session.id, "")]
    await sessions.delete_session(world.context(), "ada", session.id)
    assert (await world.last_event()).parameters == {"userId": "ada", "sessionId": session.id}
    assert await world.caller_of(session.secret) is None
    with refused("user_session_not_found"):
        await sessions.delete_session(world.context(), "ada", session.id)


async def test_sessions_of_another_user_are_not_found(world: World) -> None:
    await creation.create(world.context(), "ada")
    await creation.create(world.context(), "bob")
    session = await sessions.create_session(world.context(), "ada")
    with refused("user_session_not_found"):
        await sessions.delete_session(world.context(), "bob", session.id)
    with refused("user_session_not_found"):
        await sessions.create_jwt(world.context(), "bob", session.id)


async def test_ending_all_sessions(world: World) -> None:
    await creation.create(world.context(), "ada")
    made = [await sessions.create_session(world.context(), "ada") for _ in range(3)]
    await sessions.delete_sessions(world.context(), "ada")
    assert [await world.caller_of(session.secret) for session in made] == [None] * 3
    event = await world.last_event()
    assert event.names[0] == "users.ada.sessions"
    assert event.channels == ["account", "account.ada"]
    assert payload(event)["$id"] == "ada"


async def test_tokens(world: World) -> None:
    await creation.create(world.context(), "ada")
    token = await sessions.create_token(world.context(), "ada", 7, 60)
    assert len(token.secret) == 7
    event = await world.last_event()
    assert event.parameters == {"userId": "ada", "tokenId": token.id}
    assert "secret" not in payload(event)
    other = await sessions.create_token(world.context(), "ada", 128)
    assert len(other.secret) == 128


async def test_jwts(world: World) -> None:
    await creation.create(world.context(), "ada")
    assert await user_of_jwt(world, (await sessions.create_jwt(world.context(), "ada")).jwt) == ("ada", "")
    first = await sessions.create_session(world.context(), "ada")
    second = await sessions.create_session(world.context(), "ada")
    recent = (await sessions.create_jwt(world.context(), "ada")).jwt
    named = (await sessions.create_jwt(world.context(), "ada", first.id)).jwt
    assert await user_of_jwt(world, recent) == ("ada", second.id)
    assert await user_of_jwt(world, named) == ("ada", first.id)
    await sessions.delete_session(world.context(), "ada", first.id)
    assert await user_of_jwt(world, named) is None


async def user_of_jwt(world: World, token: str) -> tuple[str, str] | None:
    identity = await world.database.read(
        lambda connection: jwt_identity(connection, token, JWT_SECRET, now())
    )
    return (identity.user_id, identity.session_id) if identity else None


async def test_targets(world: World) -> None:
    await creation.create(world.context(), "ada", "ada@example.com")
    target = await targets.create_target(
        world.context(), "unique()", "ada", "push", "device token", name="Phone"
    )
    event = await world.last_event()
    assert event.parameters == {"userId": "ada", "targetId": target.id}
    assert payload(event) == on_the_wire(target)
    assert (await targets.get_target(world.context(), "ada", target.id)) == target
    listed = await targets.list_targets(world.context(), "ada")
    assert [each.provider_type for each in listed.targets] == ["email", "push"]
    query = json.dumps({"method": "equal", "attribute": "providerType", "values": ["push"]})
    assert (await targets.list_targets(world.context(), "ada", [query])).targets == [target]
    changed = await targets.update_target(world.context(), "ada", target.id, "new token")
    assert (changed.identifier, changed.name) == ("new token", "Phone")
    with refused("user_target_already_exists"):
        await targets.update_target(world.context(), "ada", target.id, "ada@example.com")
    with refused("provider_not_found"):
        await targets.update_target(world.context(), "ada", target.id, provider_id="smtp")
    await targets.delete_target(world.context(), "ada", target.id)
    assert (await world.last_event()).names[0] == f"users.ada.targets.{target.id}.delete"
    with refused("user_target_not_found"):
        await targets.get_target(world.context(), "ada", target.id)


@pytest.mark.parametrize(
    ("kind", "identifier", "error"),
    [
        ("email", "nobody", "general_invalid_email"),
        ("sms", "12345", "general_invalid_phone"),
        ("email", "ada@example.com", "user_target_already_exists"),
    ],
)
async def test_targets_that_cannot_be(world: World, kind: str, identifier: str, error: str) -> None:
    await creation.create(world.context(), "ada", "ada@example.com")
    await creation.create(world.context(), "bob")
    with refused(error):
        await targets.create_target(world.context(), "t1", "bob", kind, identifier)
    with refused("user_target_not_found"):
        await targets.get_target(world.context(), "bob", "t1")


async def add_identity(world: World) -> None:
    row = {
        "id": "i1",
        "created_at": now(),
        "updated_at": now(),
        "user_id": "ada",
        "provider": "example",
        "provider_uid": "4711",
        "provider_email": "ada@elsewhere.example",
        "access_token": world.instance.encryption.seal("secret access"),
        "refresh_token": world.instance.encryption.seal("secret refresh"),
    }
    await world.database.write(
        lambda transaction: transaction.connection.execute(insert(user_identities), row) and None
    )


async def test_identities(world: World) -> None:
    await creation.create(world.context(), "ada")
    await add_identity(world)
    (found,) = (await identities.list_identities(world.context(), search="4711")).identities
    assert (found.provider, found.provider_access_token) == ("example", "secret access")
    assert (await identities.list_identities(world.context(), search="0815")).total == 0
    bob = await world.user("bob")
    (found,) = (await identities.list_identities(world.context(bob))).identities
    assert (found.provider_access_token, found.provider_refresh_token) == ("", "")
    await identities.delete_identity(world.context(), "i1")
    event = await world.last_event()
    assert event.parameters == {"userId": "ada", "identityId": "i1"}
    assert b"secret" not in event.payload
    with refused("user_identity_not_found"):
        await identities.delete_identity(world.context(), "i1")


async def test_logs(world: World) -> None:
    await world.user("ada")
    await signs_in(world, "ada@example.com")
    listed = await users.list_logs(world.context(), "ada")
    assert listed.logs[0].event == "session.create"
    assert all(log.user_id == "ada" for log in listed.logs)
