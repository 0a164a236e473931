"""Who is on a channel: listed, and told as they come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.channels.conftest import Json, Party, Start, partying, refusal
from tests.support.server import TidewireServer


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server on which those who are gone have left soon."""
    running = TidewireServer(
        tmp_path_factory.mktemp("members") / "data",
        ["--drain-seconds", "0.2", "--realtime-leave-seconds", "0.1"],
    ).start()
    yield running
    assert running.stop() == 0


async def members(party: Party, channel: str, by: httpx.AsyncClient | None = None) -> list[str]:
    """The ids of those who are on a channel."""
    answer = await (by or party.admin).get(f"/realtime/channels/{channel}/members")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["members"])
    return [each["$id"] for each in page["members"]]


async def becomes(party: Party, channel: str, *expected: str) -> None:
    """Wait until exactly these are on a channel."""
    found: list[str] = []
    for _ in range(3000):
        found = await members(party, channel)
        if sorted(found) == sorted(expected):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{found}, not {expected}")


def told(event: Json, channel: str) -> tuple[str, str]:
    """Who has come or gone."""
    name = event["events"][0]
    who, what = name.removeprefix(f"channels.{channel}.members.").split(".")
    assert event["channels"] == [f"channels.{channel}.members"]
    assert f"channels.{channel}.members.*.{what}" in event["events"]
    assert event["payload"]["$id"] == who
    assert set(event["payload"]) == {"$id", "userId", "joinedAt"}
    assert "offset" not in event
    return who, what


async def test_they_come_and_go(party: Party) -> None:
    await party.rule("lounge", read=["users"], presence=True)
    anna, anna_session = await party.user()
    ben, ben_session = await party.user()
    watcher = await party.listen("lounge.members", session=ben_session)
    assert await members(party, "lounge") == []  # to watch is not to be there
    tabs = [await party.listen("lounge", session=anna_session) for _ in range(3)]
    assert told(await watcher.event(), "lounge") == (anna, "join")
    await becomes(party, "lounge", anna)
    second = await party.listen("lounge", session=ben_session)
    assert told(await watcher.event(), "lounge") == (ben, "join")
    assert await members(party, "lounge", await party.rest(anna_session)) == [anna, ben]
    for tab in tabs[:2]:
        await tab.socket.close()
    await second.ask("unsubscribe", [{"subscriptionId": "s"}])
    assert told(await watcher.event(), "lounge") == (ben, "leave")
    await becomes(party, "lounge", anna)
    await tabs[2].socket.close()
    assert told(await watcher.event(), "lounge") == (anna, "leave")
    await becomes(party, "lounge")


async def test_guests_are_members_by_connection(party: Party) -> None:
    await party.rule("foyer", read=["any"], presence=True)
    first = await party.listen("foyer")
    second = await party.listen("foyer")
    connections = (await party.admin.get("/realtime/connections")).json()["connections"]
    own = [each["$id"] for each in connections if "channels.foyer" in str(each["subscriptions"])]
    assert len(own) == 2
    await becomes(party, "foyer", *own)
    page = (await party.admin.get("/realtime/channels/foyer/members")).json()
    assert [each["userId"] for each in page["members"]] == ["", ""]
    part = (await party.admin.get("/realtime/channels/foyer/members?limit=1&offset=1")).json()
    assert (part["total"], part["members"]) == (2, page["members"][1:])
    await first.socket.close()
    await second.socket.close()
    await becomes(party, "foyer")


async def test_who_may_not_read_is_no_member_and_hears_of_none(party: Party) -> None:
    anna, anna_session = await party.user()
    _, ben_session = await party.user()
    await party.rule("private", read=[f"user:{anna}"], presence=True)
    outsiders = [
        await party.listen("private", "private.members", session=ben_session),
        await party.listen("private", "private.members"),
    ]
    await party.listen("private", session=anna_session)
    await becomes(party, "private", anna)
    for outsider in outsiders:
        assert await outsider.events() == []
    for session in (ben_session, ""):
        client = await party.rest(session)
        answer = await client.get("/realtime/channels/private/members")
        assert refusal(answer) == (401, "user_unauthorized")
        absent = await client.get("/realtime/channels/absent/members")
        assert refusal(absent) == (401, "user_unauthorized")
    assert await members(party, "private", await party.rest(anna_session)) == [anna]
    writing = await party.rest(key=party.server.create_key("realtime.write"))
    answer = await writing.get("/realtime/channels/private/members")
    assert refusal(answer) == (401, "general_unauthorized_scope")
    assert refusal(await party.admin.get("/realtime/channels/absent/members")) == (404, "channel_not_found")


async def test_rules_switch_it_on_and_off(party: Party) -> None:
    await party.rule("switched", read=["any"])
    anna, session = await party.user()
    await party.listen("switched", session=session)
    watcher = await party.listen("switched.members")
    answer = await party.admin.get("/realtime/channels/switched/members")
    assert refusal(answer) == (400, "general_feature_unsupported")
    await party.change("switched", presence=True)
    assert told(await watcher.event(), "switched") == (anna, "join")
    await becomes(party, "switched", anna)
    await party.change("switched", read=["label:staff"])
    await becomes(party, "switched")
    await party.change("switched", read=["any"])
    assert told(await watcher.event(), "switched") == (anna, "join")
    await party.change("switched", presence=False)
    assert await watcher.events() == []


async def test_who_loses_the_right_or_the_session_leaves(party: Party) -> None:
    user_id, session = await party.user()
    await party.rule("staff", read=["label:staff"], presence=True)
    await party.listen("staff", session=session)
    await party.admin.put(f"/users/{user_id}/labels", json={"labels": ["staff"]})
    await becomes(party, "staff", user_id)
    await party.admin.put(f"/users/{user_id}/labels", json={"labels": []})
    await becomes(party, "staff")
    await party.admin.put(f"/users/{user_id}/labels", json={"labels": ["staff"]})
    await becomes(party, "staff", user_id)
    assert (await party.admin.delete(f"/users/{user_id}/sessions")).status_code == 204
    await becomes(party, "staff")


async def test_programs_hear_everything_and_are_no_members(party: Party) -> None:
    await party.rule("observed", read=["any"], presence=True)
    await party.rule("unread", presence=True)
    program = await party.listen("observed", "observed.members", "unread", key=party.server.create_key())
    anna, session = await party.user()
    await party.listen("observed", session=session)
    assert told(await program.event(), "observed") == (anna, "join")
    await party.publish("unread", secret=True)
    assert await program.payloads() == [{"secret": True}]
    assert await members(party, "observed") == [anna]


async def test_families_have_members_of_each_channel(party: Party) -> None:
    await party.rule("game.*", read=["any"], presence=True)
    first, first_session = await party.user()
    second, second_session = await party.user()
    await party.listen("game.1", session=first_session)
    await party.listen("game.1", "game.2", session=second_session)
    await becomes(party, "game.1", first, second)
    await becomes(party, "game.2", second)


async def test_a_reconnect_is_no_leave(start: Start) -> None:
    party = await start("--realtime-leave-seconds", "3600")
    await party.rule("steady", read=["any"], presence=True)
    anna, session = await party.user()
    watcher = await party.listen("steady.members")
    for round_ in range(3):
        tab = await party.listen("steady", session=session)
        if not round_:
            assert told(await watcher.event(), "steady") == (anna, "join")
        await tab.socket.close()
        assert await members(party, "steady") == [anna]
    assert await watcher.events() == []


async def test_crowds_are_listed_but_not_told(start: Start) -> None:
    party = await start("--realtime-max-members-told", "2")
    await party.rule("crowd", read=["any"], presence=True)
    watcher = await party.listen("crowd.members")
    for _ in range(4):
        _, session = await party.user()
        await party.listen("crowd", session=session)
    for _ in range(3000):
        if len(await members(party, "crowd")) == 4:
            break
        await asyncio.sleep(0.02)
    assert len(await members(party, "crowd")) == 4
    assert len(await watcher.events()) == 2


async def test_a_killed_server_leaves_nobody(start: Start) -> None:
    party = await start()
    await party.rule("mortal", read=["any"], presence=True)
    _, session = await party.user()
    await party.listen("mortal", session=session)
    for _ in range(3000):
        if await members(party, "mortal"):
            break
        await asyncio.sleep(0.02)
    party.server.kill()
    party.server.start()
    async with partying(party.server) as again:
        assert await members(again, "mortal") == []
