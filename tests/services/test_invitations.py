from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import select

from tests.services.people import URL, accept, invite, messages, refused, sent_link, set_privacy
from tests.services.world import KEY, PASSWORD, World, on_the_wire, payload
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.origins import Platform
from tidewire.services.account import updates
from tidewire.services.teams import invitations, memberships, teams
from tidewire.services.users import creation
from tidewire.services.users import updates as server_updates
from tidewire.store.records.users import find_user
from tidewire.store.schema import memberships as table
from tidewire.store.schema import users


async def choir(world: World) -> Caller:
    """Ada, who owns a team."""
    ada = await world.user("ada")
    await teams.create(world.context(ada), "t1", "Choir")
    return ada


async def stored_email(world: World, user_id: str) -> tuple[str | None, bool]:
    row = await world.database.read(lambda connection: find_user(connection, user_id))
    return row.email, row.email_verification


async def test_an_invitation_goes_out_by_mail(world: World) -> None:
    ada = await choir(world)
    invited = await invitations.create_membership(
        world.context(ada), "t1", ["alto"], email="Bob@Example.com", url=URL + "?from=mail", name="Bob"
    )
    assert (invited.confirm, invited.joined, invited.roles) == (False, "", ["alto"])
    assert (invited.user_name, invited.user_email) == ("Bob", "bob@example.com")
    (mail,) = await messages(world)
    assert (mail.channel, mail.recipient, mail.recipient_name) == ("mail", "bob@example.com", "Bob")
    link = await sent_link(world)
    assert link.pop("secret")
    assert link == {
        "from": "mail",
        "membershipId": invited.id,
        "userId": invited.user_id,
        "teamId": "t1",
        "teamName": "Choir",
    }
    event = await world.last_event()
    assert event.names[0] == f"teams.t1.memberships.{invited.id}.create"
    assert (event.user_id, event.permissions_changed) == (invited.user_id, True)
    assert b"bob@example.com" not in event.payload


async def test_the_secret_is_stored_nowhere(world: World) -> None:
    ada = await choir(world)
    link = await invite(world, ada, email="bob@example.com")
    stored = await world.database.read(
        lambda connection: connection.scalars(select(table.c.secret_hash)).all()
    )
    assert link["secret"] not in stored
    assert not any(link["secret"].encode() in event.payload for event in await world.events())


async def test_following_the_link_signs_in_and_verifies(world: World) -> None:
    ada = await choir(world)
    link = await invite(world, ada, email="bob@example.com")
    membership = await accept(world, link)
    assert membership.confirm
    assert membership.joined
    assert membership.user_email == "bob@example.com"
    assert await stored_email(world, link["userId"]) == ("bob@example.com", True)
    *_, status, session = await world.events()
    assert f"teams.t1.memberships.{link['membershipId']}.update.status" in status.names
    assert (status.user_id, status.permissions_changed) == (link["userId"], True)
    assert status.parameters == {
        "userId": link["userId"],
        "teamId": "t1",
        "membershipId": link["membershipId"],
    }
    assert session.pattern == "users.[userId].sessions.[sessionId].create"
    assert payload(session)["secret"] == ""
    assert (await teams.get(world.context(ada), "t1")).total == 2


async def test_who_is_signed_in_keeps_the_session(world: World) -> None:
    ada, bob = await choir(world), await world.user("bob")
    await accept(world, await invite(world, ada, email="bob@example.com"), bob)
    assert (await world.last_event()).pattern.startswith("teams.")


async def test_a_link_works_once(world: World) -> None:
    ada = await choir(world)
    link = await invite(world, ada, email="bob@example.com")
    await accept(world, link)
    with refused("membership_already_confirmed"):
        await accept(world, link)
    with refused("membership_already_confirmed"):
        await invite(world, ada, email="bob@example.com")
    await memberships.delete_membership(world.context(ada), "t1", link["membershipId"])
    with refused("membership_not_found"):
        await accept(world, link)
    again = await invite(world, ada, email="bob@example.com")
    with refused("team_invalid_secret"):
        await accept(world, again, secret=link["secret"])


async def test_who_has_not_the_secret_learns_nothing(world: World) -> None:
    """Neither whom the invitation is for nor whether it was accepted."""
    ada, eve = await choir(world), await world.user("eve")
    link = await invite(world, ada, email="bob@example.com")
    for _ in range(2):
        for changes in ({"secret": "guess"}, {"secret": "guess", "userId": "nobody"}):
            with refused("team_invalid_secret"):
                await accept(world, link | changes, eve)
        with refused("team_invite_mismatch"):
            await accept(world, link | {"userId": "nobody"})
        with suppress(TidewireError):
            await accept(world, link)
    with refused("membership_not_found"):
        await accept(world, link | {"membershipId": "none", "teamId": "none"})
    with refused("team_not_found"):
        await accept(world, link | {"teamId": "none"})


async def test_a_newer_invitation_replaces_the_older(world: World) -> None:
    ada = await choir(world)
    first = await invite(world, ada, email="bob@example.com")
    second = await invite(world, ada, email="bob@example.com", roles=["bass"])
    assert first["membershipId"] == second["membershipId"]
    with refused("team_invalid_secret"):
        await accept(world, first)
    assert (await accept(world, second)).roles == ["bass"]


async def test_whom_a_link_is_not_for(world: World) -> None:
    ada, eve = await choir(world), await world.user("eve")
    link = await invite(world, ada, email="bob@example.com")
    with refused("team_invite_mismatch"):
        await accept(world, link, eve)
    with refused("team_invite_mismatch"):
        await accept(world, link, userId="eve")
    with refused("team_invalid_secret"):
        await accept(world, link, secret="0" * 64)
    with refused("membership_not_found"):
        await accept(world, link, membershipId="nothing")
    with refused("team_not_found"):
        await accept(world, link, teamId="nothing")
    await teams.create(world.context(eve), "t2", "Other")
    with refused("team_membership_mismatch"):
        await accept(world, link, teamId="t2")
    with refused("team_invite_mismatch"):
        await accept(world, link, KEY)


async def test_a_blocked_user_cannot_come_in_by_invitation(world: World) -> None:
    ada, _ = await choir(world), await world.user("bob")
    link = await invite(world, ada, email="bob@example.com")
    await server_updates.update_status(world.context(KEY), "bob", False)
    with refused("user_blocked"):
        await accept(world, link)


async def test_an_invitation_does_not_verify_an_address_it_was_not_sent_to(world: World) -> None:
    """Invite the own address, change it to somebody else's, then follow the link."""
    ada, eve = await choir(world), await world.user("eve")
    link = await invite(world, ada, email="eve@example.com")
    await updates.update_email(world.context(eve), "victim@example.com", PASSWORD)
    with refused("team_invalid_secret"):
        await accept(world, link, eve)
    assert await stored_email(world, "eve") == ("victim@example.com", False)


async def test_servers_add_members_at_once(world: World) -> None:
    ada, _ = await choir(world), await world.user("bob")
    added = await invitations.create_membership(world.context(KEY), "t1", ["alto"], user_id="bob")
    assert (added.confirm, added.user_email) == (True, "bob@example.com")
    assert added.joined
    assert await messages(world) == []
    assert (await teams.get(world.context(ada), "t1")).total == 2
    assert payload(await world.last_event())["userEmail"] == ""
    with refused("membership_already_confirmed"):
        await invitations.create_membership(world.context(KEY), "t1", ["alto"], user_id="bob")


async def test_a_server_confirms_an_open_invitation(world: World) -> None:
    ada, _ = await choir(world), await world.user("bob")
    link = await invite(world, ada, email="bob@example.com")
    added = await invitations.create_membership(world.context(KEY), "t1", ["bass"], email="bob@example.com")
    assert (added.id, added.confirm, added.roles) == (link["membershipId"], True, ["bass"])
    with refused("membership_already_confirmed"):
        await accept(world, link)
    assert (await teams.get(world.context(ada), "t1")).total == 2


async def test_an_invitation_by_phone(world: World) -> None:
    ada = await choir(world)
    invited = await invitations.create_membership(
        world.context(ada), "t1", ["alto"], phone="+4915112345678", url=URL
    )
    assert (invited.user_phone, invited.user_email) == ("+4915112345678", "")
    (text,) = await messages(world)
    assert (text.channel, text.recipient) == ("sms", "+4915112345678")
    await accept(world, await sent_link(world))
    row = await world.database.read(lambda connection: find_user(connection, invited.user_id))
    assert (row.phone_verification, row.email_verification) == (True, False)


async def test_inviting_by_id_does_not_tell_who_that_is(world: World) -> None:
    mallory, _ = await world.user("mallory"), await world.user("bob")
    await teams.create(world.context(mallory), "t1", "Trap")
    invited = await invitations.create_membership(
        world.context(mallory), "t1", ["alto"], user_id="bob", url=URL
    )
    assert (invited.user_name, invited.user_email, invited.user_phone) == ("", "", "")
    listed = await memberships.list_memberships(world.context(mallory), "t1")
    assert [each.user_email for each in listed.memberships] == ["", ""]
    set_privacy(world, user_email=True)
    listed = await memberships.list_memberships(world.context(mallory), "t1")
    assert [each.user_email for each in listed.memberships] == ["mallory@example.com", "bob@example.com"]


async def test_an_answer_does_not_tell_whether_there_was_an_account(world: World) -> None:
    ada = await choir(world)
    await creation.create(world.context(KEY), "bob", "bob@example.com", name="Robert")
    known, unknown = [
        await invitations.create_membership(
            world.context(ada), "t1", ["alto"], email=email, url=URL, name="Somebody"
        )
        for email in ("bob@example.com", "carl@example.com")
    ]
    same = {"id", "created_at", "updated_at", "user_id", "user_email", "invited"}
    for name in set(known.__struct_fields__) - same:
        assert getattr(known, name) == getattr(unknown, name), name


async def test_who_is_invited_must_be_one_person(world: World) -> None:
    ada, _, _ = await choir(world), await world.user("bob"), await world.user("carl")
    context = world.context(ada)
    with refused("user_already_exists"):
        await invitations.create_membership(
            context, "t1", [], user_id="bob", email="carl@example.com", url=URL
        )
    with refused("user_not_found"):
        await invitations.create_membership(context, "t1", [], user_id="nobody", url=URL)
    with refused("general_argument_invalid"):
        await invitations.create_membership(context, "t1", [], url=URL)
    with refused("general_argument_invalid"):
        await invitations.create_membership(context, "t1", [], email="bob@example.com")


async def test_strangers_neither_invite_nor_make_users(world: World) -> None:
    _, eve = await choir(world), await world.user("eve")
    with refused("team_not_found"):
        await invitations.create_membership(world.context(eve), "t1", [], email="new@example.com", url=URL)
    count = await world.database.read(lambda connection: len(connection.execute(select(users.c.id)).all()))
    assert count == 2
    assert await messages(world) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/join",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "http://localhost.evil.example/",
        "javascript://localhost/%0aalert(1)",
        "//app.example.com/",
    ],
)
async def test_links_lead_nowhere_else(world: World, url: str) -> None:
    ada = await choir(world)
    world.project = replace(world.project, platforms=(Platform("web", hostname="app.example.com"),))
    with refused("general_argument_invalid"):
        await invitations.create_membership(world.context(ada), "t1", [], email="b@example.com", url=url)
    assert await messages(world) == []


async def test_links_lead_to_registered_platforms(world: World) -> None:
    ada = await choir(world)
    world.project = replace(world.project, platforms=(Platform("web", hostname="*.example.com"),))
    await invitations.create_membership(
        world.context(ada), "t1", [], email="b@example.com", url="https://app.example.com/a#b"
    )
    (mail,) = await messages(world)
    assert "https://app.example.com/a?membershipId=" in mail.text


async def test_a_project_may_do_without_invitations(world: World) -> None:
    ada = await choir(world)
    settings = msgspec.structs.replace(world.project.settings, disabled_auth_methods=frozenset({"invites"}))
    world.project = replace(world.project, settings=settings)
    with refused("user_auth_method_unsupported"):
        await invite(world, ada, email="bob@example.com")


async def test_a_full_project_takes_nobody_more(world: World) -> None:
    ada = await choir(world)
    settings = msgspec.structs.replace(world.project.settings, user_limit=1)
    world.project = replace(world.project, settings=settings)
    with refused("user_count_exceeded"):
        await invite(world, ada, email="bob@example.com")
    added = await invitations.create_membership(world.context(KEY), "t1", [], email="bob@example.com")
    assert on_the_wire(added)["confirm"]
