from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.services.people import accept, invite, refused, set_privacy
from tests.services.world import KEY, World, on_the_wire, payload
from tidewire.core.identities import Caller
from tidewire.core.models import Membership
from tidewire.services.teams import invitations, memberships, teams
from tidewire.services.user_deletion import delete_user
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID


async def choir(world: World) -> tuple[Caller, Caller, str]:
    """A team that Ada owns and Bob sings in; with the id of his membership."""
    ada, bob = await world.user("ada"), await world.user("bob")
    await teams.create(world.context(ada), "t1", "Choir")
    link = await invite(world, ada, email="bob@example.com", roles=["alto"])
    await accept(world, link, bob)
    return ada, bob, link["membershipId"]


async def seen(world: World, caller: Caller, user_id: str) -> Membership:
    """The membership of a user, as the caller sees it."""
    listed = await memberships.list_memberships(world.context(caller), "t1")
    own = await memberships.list_memberships(world.context(KEY), "t1")
    position = [each.user_id for each in own.memberships].index(user_id)
    return listed.memberships[position]


async def test_what_people_see_of_each_other(world: World) -> None:
    ada, bob, membership_id = await choir(world)
    hidden = await seen(world, bob, "ada")
    assert (hidden.user_id, hidden.user_name, hidden.user_email, hidden.user_phone) == ("ada", "", "", "")
    assert (hidden.mfa, hidden.user_accessed_at, hidden.team_name) == (False, "", "Choir")
    for caller, user_id in ((bob, "bob"), (ada, "bob"), (ada, "ada")):
        shown = await seen(world, caller, user_id)
        assert (shown.user_name, shown.user_email, shown.user_phone) == ("", "", "")
        assert not shown.user_accessed_at
        one = await memberships.get_membership(world.context(caller), "t1", shown.id)
        assert one == shown
    changed = await memberships.update_membership(world.context(ada), "t1", membership_id, ["alto"])
    assert changed.user_email == ""
    full = await seen(world, KEY, "ada")
    assert full.user_email == "ada@example.com"
    assert full.user_accessed_at


async def test_owners_of_an_organisation_see_who_is_in_it(world: World) -> None:
    ada, bob, _ = await choir(world)
    world.project = replace(world.project, id=CONSOLE_PROJECT_ID)
    assert (await seen(world, ada, "bob")).user_email == "bob@example.com"
    assert (await seen(world, bob, "ada")).user_email == ""


@pytest.mark.parametrize(
    ("flag", "field", "value"),
    [
        ("user_email", "user_email", "ada@example.com"),
        ("user_id", "user_id", "ada"),
    ],
)
async def test_the_project_decides_what_is_seen(world: World, flag: str, field: str, value: str) -> None:
    _, bob, _ = await choir(world)
    set_privacy(world, **{"user_id": False, flag: True})
    assert getattr(await seen(world, bob, "ada"), field) == value
    set_privacy(world, user_id=False)
    assert getattr(await seen(world, bob, "ada"), field) == ""


async def test_events_show_what_members_see(world: World) -> None:
    ada, _, membership_id = await choir(world)
    await memberships.update_membership(world.context(KEY), "t1", membership_id, ["bass"])
    event = await world.last_event()
    assert b"bob@example.com" not in event.payload
    set_privacy(world, user_email=True)
    changed = await memberships.update_membership(world.context(ada), "t1", membership_id, ["bass"])
    assert payload(await world.last_event()) == on_the_wire(replace_hidden(changed))


def replace_hidden(membership: Membership) -> Membership:
    return type(membership)(
        **{name: getattr(membership, name) for name in membership.__struct_fields__}
        | {"user_accessed_at": ""}
    )


async def test_owners_change_roles(world: World) -> None:
    ada, bob, membership_id = await choir(world)
    changed = await memberships.update_membership(
        world.context(ada), "t1", membership_id, ["bass", "bass", "solo"]
    )
    assert changed.roles == ["bass", "solo"]
    event = await world.last_event()
    assert event.parameters == {"userId": "bob", "teamId": "t1", "membershipId": membership_id}
    assert event.names[0] == f"teams.t1.memberships.{membership_id}.update"
    assert event.channels == [
        "memberships",
        f"memberships.{membership_id}",
        "memberships.update",
        f"memberships.{membership_id}.update",
    ]
    assert (event.roles, event.user_id, event.permissions_changed) == (["team:t1"], "bob", True)
    assert (await memberships.get_membership(world.context(bob), "t1", membership_id)).roles == [
        "bass",
        "solo",
    ]


async def test_nobody_promotes_themselves(world: World) -> None:
    ada, bob, membership_id = await choir(world)
    with refused("user_unauthorized"):
        await memberships.update_membership(world.context(bob), "t1", membership_id, ["owner"])
    await teams.create(world.context(bob), "t2", "Mine")
    with refused("team_membership_mismatch"):
        await memberships.update_membership(world.context(bob), "t2", membership_id, ["owner"])
    with refused("user_unauthorized"):
        await invitations.create_membership(
            world.context(bob), "t1", ["owner"], user_id="bob", url="http://localhost/"
        )
    assert (await seen(world, ada, "bob")).roles == ["alto"]


async def test_members_leave_and_owners_remove(world: World) -> None:
    ada, bob, membership_id = await choir(world)
    own = await seen(world, ada, "ada")
    with refused("user_unauthorized"):
        await memberships.delete_membership(world.context(bob), "t1", own.id)
    await memberships.delete_membership(world.context(bob), "t1", membership_id)
    event = await world.last_event()
    assert event.parameters == {"teamId": "t1", "userId": "bob", "membershipId": membership_id}
    assert (event.roles, event.user_id, event.permissions_changed) == (["team:t1"], "bob", True)
    assert (await teams.get(world.context(ada), "t1")).total == 1
    with refused("team_not_found"):
        await teams.get(world.context(bob), "t1")
    with refused("team_invite_not_found"):
        await memberships.delete_membership(world.context(ada), "t1", membership_id)
    with refused("membership_not_found"):
        await memberships.get_membership(world.context(ada), "t1", membership_id)


async def test_an_invitation_can_be_refused_and_withdrawn(world: World) -> None:
    ada, bob = await world.user("ada"), await world.user("bob")
    await teams.create(world.context(ada), "t1", "Choir")
    link = await invite(world, ada, email="bob@example.com")
    with refused("team_not_found"):
        await memberships.get_membership(world.context(bob), "t1", link["membershipId"])
    await memberships.delete_membership(world.context(bob), "t1", link["membershipId"])
    link = await invite(world, ada, email="bob@example.com")
    await memberships.delete_membership(world.context(ada), "t1", link["membershipId"])
    with refused("membership_not_found"):
        await accept(world, link)
    assert (await teams.get(world.context(ada), "t1")).total == 1


async def test_a_team_of_a_project_may_lose_its_last_owner(world: World) -> None:
    ada, _, _ = await choir(world)
    own = await seen(world, ada, "ada")
    await memberships.delete_membership(world.context(ada), "t1", own.id)
    assert (await teams.get(world.context(KEY), "t1")).total == 1


async def test_an_organisation_keeps_an_owner(world: World) -> None:
    world.project = replace(world.project, id="console")
    ada, bob = await world.user("ada"), await add_person(world, "bob")
    await teams.create(world.context(ada), "t1", "Company")
    link = await invite(world, ada, email="bob@example.com", roles=["developer"])
    await accept(world, link, bob)
    own = await seen(world, ada, "ada")
    with refused("membership_downgrade_prohibited"):
        await memberships.update_membership(world.context(ada), "t1", own.id, ["developer"])
    with refused("membership_deletion_prohibited"):
        await memberships.delete_membership(world.context(ada), "t1", own.id)
    with refused("general_argument_invalid"):
        await memberships.update_membership(world.context(ada), "t1", link["membershipId"], ["singer"])
    await memberships.update_membership(world.context(ada), "t1", link["membershipId"], ["owner"])
    await memberships.delete_membership(world.context(ada), "t1", own.id)
    of_teams = [event for event in await world.events() if event.pattern.startswith("teams")]
    assert len(of_teams) == 5
    assert not any(event.channels or event.roles for event in of_teams)


async def add_person(world: World, user_id: str) -> Caller:
    """Somebody in the console, whom nobody kept from signing up."""
    project = world.project
    world.project = replace(project, id="p1")
    person = await world.user(user_id)
    world.project = project
    return person


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"method": "contains", "attribute": "roles", "values": ["alto"]}, ["bob"]),
        ({"method": "contains", "attribute": "roles", "values": ["alt"]}, []),
        ({"method": "equal", "attribute": "userId", "values": ["ada"]}, ["ada"]),
        ({"method": "equal", "attribute": "confirm", "values": [False]}, ["eve"]),
        ({"method": "greaterThan", "attribute": "joined", "values": ["2020-01-01"]}, ["ada", "bob"]),
        ({"method": "greaterThan", "attribute": "invited", "values": ["2090-01-01"]}, []),
        ({"method": "orderDesc", "attribute": "userId"}, ["eve", "bob", "ada"]),
    ],
)
async def test_list_queries(world: World, query: dict[str, object], found: list[str]) -> None:
    ada, _, _ = await choir(world)
    await world.user("eve")
    await invite(world, ada, user_id="eve")
    listed = await memberships.list_memberships(world.context(ada), "t1", [json.dumps(query)])
    assert [each.user_id for each in listed.memberships] == found
    assert listed.total == len(found)
    assert (await memberships.list_memberships(world.context(ada), "t1", search="EVE")).total == 1


async def test_the_end_of_a_user_ends_memberships(world: World) -> None:
    ada, _, _ = await choir(world)
    await world.database.write(lambda transaction: delete_user(transaction, "bob"))
    assert (await teams.get(world.context(ada), "t1")).total == 1
    assert (await memberships.list_memberships(world.context(ada), "t1")).total == 1
