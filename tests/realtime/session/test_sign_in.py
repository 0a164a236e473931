"""Connections of people from the console, of developers, and of users in the place of others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy import delete, update

from tests.realtime.conftest import PROJECT, RealtimeServer, ask, close_status, receive, rejection
from tests.store.samples import add_membership, add_session, add_team, add_user, event
from tests.support.platforms import register_platform
from tidewire.core.origins import Platform
from tidewire.core.project_settings import ProjectSettings
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.instance.instance import Project
from tidewire.store.records.api_keys import KeyOwner, insert_api_key
from tidewire.store.records.dev_keys import insert_dev_key
from tidewire.store.schema import memberships, sessions, users
from tidewire.store.secrets.credentials import encode_jwt, encode_session, hash_secret

TEAM = "founders"


async def console_user(server: RealtimeServer, user_id: str, **membership: Any) -> str:
    """A console user with a session, perhaps a member of the team that owns the project."""

    def create(connection: Connection) -> None:
        add_user(connection, user_id)
        expires = now() + 3_600_000
        add_session(
            connection, f"of-{user_id}", user_id, secret_hash=hash_secret("secret"), expires_at=expires
        )
        if membership:
            add_team(connection, TEAM)
            add_membership(connection, f"m-{user_id}", TEAM, user_id, **membership)

    await server.instance.database.write(lambda transaction: create(transaction.connection))
    return encode_session(user_id, "secret")


async def own_project(server: RealtimeServer) -> None:
    await server.instance.update_project(PROJECT, lambda project: replace(project, team_id=TEAM))


async def change_settings(server: RealtimeServer, **settings: Any) -> None:
    def change(project: Project) -> Project:
        return replace(project, settings=msgspec.structs.replace(ProjectSettings(), **settings))

    await server.instance.update_project(PROJECT, change)


async def test_members_of_the_owning_team_connect_as_admins(server: RealtimeServer) -> None:
    session = await console_user(server, "ada", confirmed=True, roles=["owner"])
    await own_project(server)
    for query, headers in (
        ("&mode=admin", {"cookie": f"a_session_console={session}"}),
        ("", {"cookie": f"a_session_console={session}", "x_appwrite_mode": "admin"}),
    ):
        async with server.client(f"project={PROJECT}{query}", **headers) as client:
            assert (await receive(client))["data"]["user"]["$id"] == "ada"
    async with server.client(cookie=f"a_session_console={session}") as client:
        assert (await receive(client))["data"]["user"] is None, "not in admin mode"


async def test_nobody_else_connects_as_an_admin(server: RealtimeServer) -> None:
    await own_project(server)
    # Ids are the clients' choice: a stranger may have that of a user of the project.
    await server.sign_up("victim")
    stranger = await console_user(server, "victim")
    invited = await console_user(server, "eve", confirmed=False, roles=["owner"])
    for session in (stranger, invited):
        async with server.client(
            f"project={PROJECT}&mode=admin", cookie=f"a_session_console={session}"
        ) as client:
            assert await rejection(client) == (1008, 1008)
    project_session = encode_session("victim", "wrong")
    async with server.client(
        f"project={PROJECT}&mode=admin", cookie=f"a_session_console={project_session}"
    ) as client:
        assert (await receive(client))["data"]["user"] is None
    await server.instance.database.write(
        lambda transaction: transaction.connection.execute(update(memberships).values(team_id=TEAM)) and None
    )
    await server.instance.update_project(PROJECT, lambda project: replace(project, team_id=""))
    async with server.client(
        f"project={PROJECT}&mode=admin", cookie=f"a_session_console={invited}"
    ) as client:
        assert await rejection(client) == (1008, 1008), "a project without a team"


async def test_who_is_an_admin_no_more_is_let_go(server: RealtimeServer) -> None:
    await own_project(server)
    session = await console_user(server, "ada", confirmed=True, roles=["owner"])
    rejoin = update(memberships).values(confirmed=True)
    changes: list[tuple[Any, Any]] = [
        (update(memberships).values(confirmed=False), rejoin),
        (
            update(users).where(users.c.id == "ada").values(status=False),
            update(users).values(status=True),
        ),
        (delete(sessions).where(sessions.c.user_id == "ada"), rejoin),
    ]

    async def execute(statement: Any) -> None:
        await server.instance.database.write(
            lambda transaction: (transaction.connection.execute(statement), transaction.append(event()))
        )

    for change, back in changes:
        async with (
            server.client(f"project={PROJECT}&mode=admin", cookie=f"a_session_console={session}") as admin,
            server.client() as guest,
        ):
            assert (await receive(admin))["data"]["user"]["$id"] == "ada"
            await receive(guest)
            await execute(update(users).where(users.c.id == "nobody").values(name="x"))
            assert (await ask(admin, "ping"))["type"] == "pong"
            await execute(change)
            assert await close_status(admin) == 1008
            assert (await ask(guest, "ping"))["type"] == "pong"
        await execute(back)


async def test_a_project_that_moves_to_another_team_has_other_admins(server: RealtimeServer) -> None:
    await own_project(server)
    session = await console_user(server, "ada", confirmed=True, roles=["owner"])
    async with server.client(f"project={PROJECT}&mode=admin", cookie=f"a_session_console={session}") as admin:
        await receive(admin)
        await server.instance.update_project(PROJECT, lambda project: replace(project, team_id="others"))
        server.realtime.wake("console")
        assert await close_status(admin) == 1008


async def test_pages_of_a_project_do_not_act_as_its_admins(server: RealtimeServer) -> None:
    session = await console_user(server, "ada", confirmed=True, roles=["owner"])
    await own_project(server)
    await register_platform(server.instance, PROJECT, "site", Platform("web", hostname="shop.example"))
    cookie = f"a_session_console={session}"
    for origin, admitted in (("https://shop.example", False), ("http://localhost:3000", True)):
        async with server.client(f"project={PROJECT}&mode=admin", cookie=cookie, origin=origin) as client:
            assert ((await receive(client))["type"] == "connected") is admitted
    async with server.client(f"project={PROJECT}", cookie=cookie, origin="https://shop.example") as client:
        assert (await receive(client))["data"]["user"] is None
    async with server.client("project=console", cookie=cookie, origin="https://shop.example") as client:
        assert await rejection(client) == (1008, 1008)


async def test_realtime_can_be_switched_off(server: RealtimeServer) -> None:
    session = await console_user(server, "ada", confirmed=True, roles=["developer"])
    await own_project(server)
    await change_settings(server, disabled_protocols=frozenset({"websocket"}))
    async with server.client() as client:
        assert await rejection(client) == (403, 1008)
    async with server.client(
        f"project={PROJECT}&mode=admin", cookie=f"a_session_console={session}"
    ) as client:
        assert (await receive(client))["type"] == "connected"
    async with server.client(f"project={PROJECT}&mode=admin") as client:
        assert await rejection(client) == (403, 1008)
    await change_settings(server, disabled_protocols=frozenset({"rest", "graphql"}))
    async with server.client() as client:
        assert (await receive(client))["type"] == "connected"


async def test_dev_keys_open_a_project_to_all_pages(server: RealtimeServer) -> None:
    instance = server.instance
    await instance.create_project("other", "Other")

    async def secret(project_id: str, expires: int) -> str:
        key = await instance.database.write(
            lambda transaction: insert_dev_key(
                transaction.connection, instance.encryption, project_id, "Key", expires
            )
        )
        return instance.encryption.open(key.sealed_secret)

    valid = await secret(PROJECT, now() + 60_000)
    for query, headers in ((f"&devKey={valid}", {}), ("", {"x_appwrite_dev_key": valid})):
        async with server.client(
            f"project={PROJECT}{query}", origin="https://any.example", **headers
        ) as client:
            assert (await receive(client))["type"] == "connected"
    async with server.client(x_appwrite_dev_key=valid, origin="garbage") as client:
        assert await rejection(client) == (1008, 1008)
    for wrong in (await secret(PROJECT, now() - 1), await secret("other", now() + 60_000), valid[:-1], "ü"):
        async with server.client(
            f"project={PROJECT}&devKey={quote(wrong)}", origin="https://any.example"
        ) as client:
            assert await rejection(client) == (1008, 1008)


async def test_impersonation(server: RealtimeServer) -> None:
    support = await server.sign_up("support", impersonator=True)
    plain = await server.sign_up("plain")
    await server.sign_up("target", email="target@example.com", phone="+15550100", labels=["vip"])
    for query, headers in (
        ("", {"x_appwrite_impersonate_user_id": "target"}),
        ("", {"x_appwrite_impersonate_user_email": "Target@Example.com"}),
        ("&impersonateuserid=target", {}),
        ("&impersonateUserId=target", {}),
        ("&impersonateemail=Target@example.com", {}),
        ("&impersonateEmail=target@example.com", {}),
        ("&impersonatephone=%2B15550100", {}),
        ("&impersonatePhone=%2B15550100", {}),
        ("&impersonateuserid=target&impersonateemail=nobody@example.com", {}),
        ("&impersonateemail=target@example.com&impersonatephone=%2B15550199", {}),
        ("&impersonateuserid=nobody", {"x_appwrite_impersonate_user_id": "target"}),
    ):
        async with server.client(
            f"project={PROJECT}{query}", x_appwrite_session=support, **headers
        ) as client:
            user = (await receive(client))["data"]["user"]
            assert (user["$id"], user["impersonatorUserId"]) == ("target", "support")
            answer = await ask(client, "authentication", {"session": plain})
            assert answer["data"]["code"] == 1003
    for session, target in ((support, "nobody"), (plain, "target")):
        async with server.client(x_appwrite_session=session, x_appwrite_impersonate_user_id=target) as client:
            user = (await receive(client))["data"]["user"]
            assert user["$id"] != "target"
            assert user["impersonatorUserId"] is None
    store = await server.instance.project(PROJECT)
    assert store is not None
    await store.database.write(
        lambda transaction: (
            transaction.connection.execute(update(users).where(users.c.id == "support").values(status=False))
            and None
        )
    )
    async with server.client(x_appwrite_session=support, x_appwrite_impersonate_user_id="target") as client:
        user = (await receive(client))["data"]["user"]
        assert user is None or user["$id"] == "support"


async def test_account_keys(server: RealtimeServer) -> None:
    session = await console_user(server, "ada")

    async def secret(owner: KeyOwner, expires: int = 0) -> str:
        _, made = await server.instance.database.write(
            lambda transaction: insert_api_key(transaction.connection, owner, "Key", ["account"], expires)
        )
        return made

    key = await secret(KeyOwner(user_id="ada"))
    shown = {"x_appwrite_key": key, "x_appwrite_user": "ada"}
    async with server.client("project=console", **shown) as client:
        assert (await receive(client))["data"]["user"]["$id"] == "ada"
    async with server.client("project=console", x_appwrite_session=session, **shown) as client:
        assert await rejection(client) == (403, 1008)
    expired = shown | {"x_appwrite_key": await secret(KeyOwner(user_id="ada"), now() - 1)}
    async with server.client("project=console", **expired) as client:
        assert await rejection(client) == (401, 1008)
    for project, headers in (
        ("console", {"x_appwrite_key": key}),
        ("console", shown | {"x_appwrite_user": "eve"}),
        ("console", shown | {"x_appwrite_key": await secret(KeyOwner(team_id="ada"))}),
        (PROJECT, shown),
    ):
        async with server.client(f"project={project}", **headers) as client:
            assert (await receive(client))["data"]["user"] is None


async def test_tokens_of_other_projects(server: RealtimeServer) -> None:
    await server.sign_up("u1")
    secret = server.instance.jwt_secret
    for token in (
        encode_jwt("u1", "", now() + 60_000, secret),
        encode_jwt("u1", "", now() + 60_000, secret, "other"),
        encode_jwt("u1", "of-u1", now() + 60_000, secret, "other"),
    ):
        async with server.client(x_appwrite_jwt=token) as client:
            assert await rejection(client) == (401, 1008)
    own = encode_jwt("u1", "", now() + 60_000, secret, PROJECT)
    async with server.client(x_appwrite_jwt=own) as client:
        assert (await receive(client))["data"]["user"]["$id"] == "u1"


async def test_connections_end_with_their_project(server: RealtimeServer) -> None:
    await server.sign_up("u1")
    async with server.client() as client, server.client("project=console") as console:
        await receive(client)
        await receive(console)
        await server.instance.delete_project(PROJECT)
        assert await close_status(client) == 1008
        assert (await ask(console, "ping"))["type"] == "pong"
    async with server.client() as client:
        assert await rejection(client) == (1008, 1008)
    await server.instance.create_project(PROJECT, "Again")
    async with server.client() as client:
        assert (await receive(client))["type"] == "connected"
        await server.publish(1)
