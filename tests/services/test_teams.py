from __future__ import annotations

import asyncio
import json

import pytest

from tests.services.people import accept, invite, refused
from tests.services.world import KEY, World, on_the_wire, payload
from tidewire.core.identities import Caller
from tidewire.services.teams import memberships, teams
from tidewire.store.records.identities import user_identity
from tidewire.store.records.users import insert_user


async def roles_of(world: World, user_id: str) -> tuple[str, ...]:
    identity = await world.database.read(lambda connection: user_identity(connection, user_id))
    return identity.roles if identity else ()


async def test_who_creates_a_team_owns_it(world: World) -> None:
    ada = await world.user("ada")
    team = await teams.create(world.context(ada), "t1", "Choir", ["alto", "alto"])
    assert (team.id, team.name, team.total, team.prefs) == ("t1", "Choir", 1, {})
    event = await world.last_event()
    assert event.names == ["teams.t1.create", "teams.*.create", "teams.t1", "teams.*"]
    assert event.channels == ["teams", "teams.t1", "teams.create", "teams.t1.create"]
    assert (event.roles, event.user_id, event.permissions_changed) == (["team:t1"], "ada", True)
    assert payload(event) == on_the_wire(team)
    (own,) = (await memberships.list_memberships(world.context(ada), "t1")).memberships
    assert (own.roles, own.confirm, own.user_name, own.user_email) == (
        ["alto", "owner"],
        True,
        "",
        "",
    )
    assert {"team:t1", f"member:{own.id}", "team:t1/alto", "team:t1/owner"} <= set(
        await roles_of(world, "ada")
    )


async def test_a_server_makes_a_team_of_nobody(world: World) -> None:
    team = await teams.create(world.context(KEY), "unique()", "Choir")
    assert len(team.id) == 20
    assert team.total == 0
    event = await world.last_event()
    assert (event.user_id, event.parameters) == ("", {"teamId": team.id})


async def test_ids_are_unique_whoever_knows_the_team(world: World) -> None:
    ada, bob = await world.user("ada"), await world.user("bob")
    await teams.create(world.context(ada), "t1", "Choir")
    with refused("team_already_exists"):
        await teams.create(world.context(bob), "t1", "Mine")


async def test_of_many_at_once_one_gets_the_id(world: World) -> None:
    ada = await world.user("ada")
    made = await asyncio.gather(
        *(teams.create(world.context(ada), "t1", "Choir") for _ in range(8)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in made) == 1


async def test_teams_of_others_do_not_exist(world: World) -> None:
    ada, bob = await world.user("ada"), await world.user("bob")
    await teams.create(world.context(ada), "t1", "Choir")
    stranger = world.context(bob)
    for attempt in (
        teams.get(stranger, "t1"),
        teams.get_prefs(stranger, "t1"),
        teams.update_name(stranger, "t1", "Mine"),
        teams.update_prefs(stranger, "t1", {"a": 1}),
        teams.delete_team(stranger, "t1"),
        memberships.list_memberships(stranger, "t1"),
    ):
        with refused("team_not_found"):
            await attempt
    assert (await teams.list_teams(stranger)).total == 0
    assert (await teams.list_teams(stranger, search="choir")).teams == []
    cursor = [json.dumps({"method": "cursorAfter", "values": ["t1"]})]
    with refused("general_cursor_not_found"):
        await teams.list_teams(stranger, cursor)


async def test_only_owners_change_a_team(world: World) -> None:
    ada, bob = await world.user("ada"), await world.user("bob")
    await teams.create(world.context(ada), "t1", "Choir")
    await accept(world, await invite(world, ada, email="bob@example.com"), bob)
    member = world.context(bob)
    assert (await teams.get(member, "t1")).total == 2
    for attempt in (
        teams.update_name(member, "t1", "Mine"),
        teams.update_prefs(member, "t1", {"a": 1}),
        teams.delete_team(member, "t1"),
    ):
        with refused("user_unauthorized"):
            await attempt


async def test_renaming(world: World) -> None:
    ada = await world.user("ada")
    await teams.create(world.context(ada), "t1", "Choir")
    team = await teams.update_name(world.context(ada), "t1", "Orchestra")
    assert team.name == "Orchestra"
    event = await world.last_event()
    assert (event.names[0], event.roles, event.permissions_changed) == ("teams.t1.update", ["team:t1"], False)
    assert payload(event) == on_the_wire(team)
    assert (await teams.list_teams(world.context(ada), search="orch")).total == 1
    assert (await teams.list_teams(world.context(ada), search="choir")).total == 0


async def test_preferences(world: World) -> None:
    ada = await world.user("ada")
    await teams.create(world.context(ada), "t1", "Choir")
    assert await teams.update_prefs(world.context(ada), "t1", {"key": "C"}) == {"key": "C"}
    assert await teams.get_prefs(world.context(ada), "t1") == {"key": "C"}
    event = await world.last_event()
    assert "teams.t1.update.prefs" in event.names
    assert event.channels == ["teams", "teams.t1", "teams.update", "teams.t1.update"]
    assert payload(event) == {"key": "C"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"method": "equal", "attribute": "name", "values": ["B"]}, ["b"]),
        ({"method": "greaterThan", "attribute": "total", "values": [0]}, ["b"]),
        ({"method": "orderDesc", "attribute": "$id"}, ["b", "a"]),
        ({"method": "cursorAfter", "values": ["a"]}, ["b"]),
    ],
)
async def test_list_queries(world: World, query: dict[str, object], found: list[str]) -> None:
    ada = await world.user("ada")
    await teams.create(world.context(KEY), "a", "A")
    await teams.create(world.context(ada), "b", "B")
    listed = await teams.list_teams(world.context(KEY), [json.dumps(query)])
    assert [team.id for team in listed.teams] == found
    assert [team.id for team in (await teams.list_teams(world.context(ada))).teams] == ["b"]


async def test_deleting_takes_the_roles_from_all_members(world: World) -> None:
    ada, bob = await world.user("ada"), await world.user("bob")
    await teams.create(world.context(ada), "t1", "Choir")
    await accept(world, await invite(world, ada, email="bob@example.com"), bob)
    before = len(await world.events())
    await teams.delete_team(world.context(ada), "t1")
    deleted, *left = (await world.events())[before:]
    assert (deleted.names[0], deleted.roles) == ("teams.t1.delete", ["team:t1"])
    assert {(event.user_id, event.permissions_changed) for event in left} == {("ada", True), ("bob", True)}
    assert all(not event.channels and not event.roles for event in left)
    assert not any("team:" in role for role in await roles_of(world, "bob"))
    with refused("team_not_found"):
        await teams.get(world.context(bob), "t1")


async def test_a_session_from_before_counts_for_nothing(world: World) -> None:
    """Rights come from the membership as it is, not from the roles that the caller came with."""
    ada, bob = await world.user("ada"), await world.user("bob")
    await teams.create(world.context(ada), "t1", "Choir")
    link = await invite(world, ada, email="bob@example.com", roles=["owner"])
    await accept(world, link, bob)
    identity = await world.database.read(lambda connection: user_identity(connection, "bob"))
    assert identity is not None
    owner = Caller("user", identity, ("any", *identity.roles))
    assert "team:t1/owner" in owner.roles
    await memberships.update_membership(world.context(ada), "t1", link["membershipId"], ["singer"])
    with refused("user_unauthorized"):
        await teams.delete_team(world.context(owner), "t1")
    await memberships.delete_membership(world.context(ada), "t1", link["membershipId"])
    with refused("team_not_found"):
        await teams.get(world.context(owner), "t1")


async def test_an_organisation_goes_with_its_projects(world: World) -> None:
    console = await world.instance.project("console")
    assert console is not None
    world.project, world.database = console.project, console.database
    ada, eve = await world.user("ada"), await sign_up_in_console(world, "eve")
    await teams.create(world.context(ada), "company", "Company")
    await teams.create(world.context(eve), "other", "Other")
    await world.instance.create_project("shop", "Shop", team_id="company")
    await world.instance.create_project("blog", "Blog", team_id="other")
    with refused("team_not_found"):
        await teams.delete_team(world.context(eve), "company")
    assert await world.instance.project("shop") is not None
    await teams.delete_team(world.context(ada), "company")
    assert await world.instance.project("shop") is None
    assert await world.instance.project("blog") is not None


async def sign_up_in_console(world: World, user_id: str) -> Caller:
    await world.database.write(lambda transaction: insert_user(transaction.connection, user_id) and None)
    identity = await world.database.read(lambda connection: user_identity(connection, user_id))
    assert identity is not None
    return Caller("user", identity, ("any", *identity.roles))
