"""Publishing on custom channels by REST: to whom it goes, and what is refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from tests.channels.conftest import Party, Start, refusal, send


def _log(party: Party) -> list[tuple[str, str]]:
    """Pattern and payload of what the event log holds."""
    path = Path(party.server.data_dir) / "projects" / party.server.project / "database.sqlite3"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute('SELECT pattern, payload FROM event_log ORDER BY "offset"').fetchall()
        return [(pattern, payload.decode()) for pattern, payload in rows]
    finally:
        connection.close()


async def test_a_message_arrives_as_an_event_and_touches_no_log(party: Party) -> None:
    await party.rule("plain", read=["any"])
    listener = await party.listen("plain")
    before = _log(party)
    sent = await party.publish("plain", text="hallo", n=[1, 2.5, None])
    assert set(sent) == {"$id", "$createdAt", "channel"}
    event = await listener.event()
    message = sent["$id"]
    assert event["events"][0] == f"channels.plain.messages.{message}.create"
    assert "channels.plain.messages.*.create" in event["events"]
    assert "channels.*.messages.*.create" in event["events"]
    assert event["channels"] == ["channels.plain"]
    assert event["payload"] == {"text": "hallo", "n": [1, 2.5, None]}
    assert event["timestamp"] == sent["$createdAt"]
    assert event["subscriptions"] == ["s"]
    assert "offset" not in event
    assert _log(party) == before


async def test_a_message_with_history_is_in_the_log(party: Party) -> None:
    await party.rule("kept", read=["any"], history=True)
    listener = await party.listen("kept")
    sent = await party.publish("kept", text="hallo")
    event = await listener.event()
    assert event["offset"] == sent["offset"] > 0
    assert event["payload"] == {"text": "hallo"}
    assert ("channels.[channelId].messages.[messageId].create", '{"text":"hallo"}') in _log(party)


async def test_everything_is_closed_without_a_rule(party: Party) -> None:
    _, session = await party.user()
    user, guest = await party.rest(session), await party.rest()
    listener = await party.listen("closed", session=session)
    for client in (user, guest):
        assert refusal(await send(client, "closed", {})) == (401, "user_unauthorized")
    assert refusal(await send(party.admin, "closed", {})) == (404, "channel_not_found")
    await party.rule("closed")
    for client in (user, guest):
        assert refusal(await send(client, "closed", {})) == (401, "user_unauthorized")
    await party.publish("closed", secret=True)
    assert await listener.payloads() == []


async def test_who_is_refused_learns_nothing_of_rules(party: Party) -> None:
    await party.rule("there", publish=["label:staff"])
    guest = await party.rest()
    answers = [(await send(guest, name, {})).json() for name in ("there", "absent")]
    for answer in answers:
        answer["message"] = answer["message"].replace("there", "X").replace("absent", "X")
    assert answers[0] == answers[1]


async def test_readers_and_publishers_are_those_of_the_rule(party: Party) -> None:
    anna, anna_session = await party.user()
    _, ben_session = await party.user()
    await party.rule("roles", read=[f"user:{anna}", 'read("label:staff")'], publish=['create("guests")'])
    as_anna = await party.listen("roles", session=anna_session)
    as_ben = await party.listen("roles", session=ben_session)
    as_guest = await party.listen("roles")
    guest, ben = await party.rest(), await party.rest(ben_session)
    assert refusal(await send(ben, "roles", {"by": "ben"})) == (401, "user_unauthorized")
    await party.publish("roles", by=guest, who="guest")
    assert await as_anna.payloads() == [{"who": "guest"}]
    assert await as_ben.payloads() == []
    assert await as_guest.payloads() == []


async def test_the_very_next_message_follows_a_changed_rule(party: Party) -> None:
    await party.rule("live", read=["any"], publish=["any"])
    listener, guest = await party.listen("live"), await party.rest()
    expected = []
    for round_ in range(30):
        is_open = round_ % 2 == 0
        await party.change("live", read=["any"] if is_open else ["users"])
        await party.publish("live", by=guest, round=round_)
        expected += [{"round": round_}] if is_open else []
    await party.change("live", publish=[])
    assert refusal(await send(guest, "live", {})) == (401, "user_unauthorized")
    assert (await party.admin.delete("/realtime/channels/live")).status_code == 204
    assert refusal(await send(party.admin, "live", {})) == (404, "channel_not_found")
    assert await listener.payloads() == expected


async def test_the_very_next_message_follows_changed_roles(party: Party) -> None:
    user_id, session = await party.user()
    await party.rule("labelled", read=["label:staff"])
    listener = await party.listen("labelled", session=session)
    expected = []
    for round_ in range(20):
        labels = ["staff"] if round_ % 2 else []
        answer = await party.admin.put(f"/users/{user_id}/labels", json={"labels": labels})
        assert answer.status_code == 200
        await party.publish("labelled", round=round_)
        expected += [{"round": round_}] if labels else []
    assert await listener.payloads() == expected


async def test_families_of_channels_and_names_with_dots(party: Party) -> None:
    await party.rule("room.*", read=["any"])
    await party.rule("room.secret.*", read=[])
    await party.rule("room.secret.lobby", read=["any"])
    listener = await party.listen("room.a", "room.a.b", "room.secret.x", "room.secret.lobby", "room")
    for name in ("room.a", "room.a.b", "room.secret.x", "room.secret.lobby"):
        await party.publish(name, to=name)
    assert refusal(await send(party.admin, "room", {})) == (404, "channel_not_found")
    events = await listener.events()
    assert [event["payload"]["to"] for event in events] == ["room.a", "room.a.b", "room.secret.lobby"]
    assert [event["channels"] for event in events] == [
        ["channels.room.a"],
        ["channels.room.a.b"],
        ["channels.room.secret.lobby"],
    ]
    assert events[1]["events"][0].startswith("channels.room.a.b.messages.")


@pytest.mark.parametrize(
    "name", ["a..b", ".a", "a.", "a.members", "members", "a.messages.b", "-a", "a b", "ä", "a" * 129, "a.*"]
)
async def test_names_that_are_none(party: Party, name: str) -> None:
    answer = await send(party.admin, name, {})
    assert refusal(answer) == (400, "general_argument_invalid")


@pytest.mark.parametrize("payload", [[], "text", 1, None, True])
async def test_a_payload_is_an_object(party: Party, payload: object) -> None:
    assert refusal(await send(party.admin, "fence", payload)) == (400, "general_argument_invalid")


async def test_payloads_are_bounded(party: Party) -> None:
    await party.rule("large", read=["any"])
    listener = await party.listen("large")
    frame = len('{"x":""}')
    fits = {"x": "y" * (64_000 - frame)}
    assert (await send(party.admin, "large", fits)).status_code == 201
    answer = await send(party.admin, "large", {"x": fits["x"] + "y"})
    assert refusal(answer) == (400, "general_argument_invalid")
    assert "64000" in answer.json()["message"]
    assert await listener.payloads() == [fits]


async def test_keys_need_the_scope_and_count_in_their_project_only(party: Party) -> None:
    await party.rule("scoped", read=["any"])
    reading = await party.rest(key=party.server.create_key("realtime.read"))
    assert refusal(await send(reading, "scoped", {})) == (401, "general_unauthorized_scope")
    for method, path in (
        ("POST", "/realtime/channels"),
        ("PUT", "/realtime/channels/scoped"),
        ("DELETE", "/realtime/channels/scoped"),
    ):
        answer = await reading.request(method, path, json={"channelId": "x"})
        assert refusal(answer) == (401, "general_unauthorized_scope")
    writing = await party.rest(key=party.server.create_key("realtime.write"))
    assert (await send(writing, "scoped", {"a": 1})).status_code == 201
    for path in ("/realtime/channels", "/realtime/channels/scoped"):
        assert refusal(await writing.get(path)) == (401, "general_unauthorized_scope")
        _, session = await party.user()
        assert refusal(await (await party.rest(session)).get(path)) == (401, "general_unauthorized_scope")


async def test_other_projects_hear_nothing_and_cannot_publish(party: Party) -> None:
    other = party.server.command("project", "create", "--project", "channels-other")
    key = party.server.command("key", "create", "--project", other, "--scopes", "all")
    await party.rule("shared-name", read=["any"])
    listener = await party.listen("shared-name")
    stranger = await party.rest(key=key)
    assert refusal(await send(stranger, "shared-name", {})) == (401, "user_unauthorized")
    stranger.headers["X-Appwrite-Project"] = other
    created = await stranger.post("/realtime/channels", json={"channelId": "shared-name", "read": ["any"]})
    assert created.status_code == 201
    assert (await send(stranger, "shared-name", {"from": "other"})).status_code == 201
    assert await listener.payloads() == []


async def test_queries_choose_among_messages(party: Party) -> None:
    await party.rule("filtered", read=["any"])
    listener = await party.listen()
    query = json.dumps({"method": "equal", "attribute": "kind", "values": ["wanted"]})
    row = {"subscriptionId": "f", "channels": ["channels.filtered"], "queries": [query]}
    await listener.ask("subscribe", [row])
    for kind in ("other", "wanted", "other"):
        await party.publish("filtered", kind=kind)
    assert await listener.payloads() == [{"kind": "wanted"}]


async def test_messages_of_one_publisher_keep_their_order(party: Party) -> None:
    await party.rule("ordered", read=["any"])
    listener = await party.listen("ordered")
    for number in range(200):
        await party.publish("ordered", n=number)
    assert await listener.payloads() == [{"n": number} for number in range(200)]


async def test_rates_of_a_channel_and_of_one_publisher(start: Start) -> None:
    party = await start(
        TIDEWIRE_RATE_LIMITS="on", TIDEWIRE_REALTIME_PUBLISHER_RATE="5", TIDEWIRE_REALTIME_CHANNEL_RATE="1000"
    )
    await party.rule("usual", read=["any"], publish=["any"])
    await party.rule("narrow", read=["any"], rate=3)
    guest = await party.rest()
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(send(guest, "usual", {}) for _ in range(40)))
    seconds = asyncio.get_running_loop().time() - began
    taken = sum(answer.status_code == 201 for answer in answers)
    assert 5 <= taken <= 5 * (int(seconds) + 2)
    refused = [answer for answer in answers if answer.status_code != 201]
    for answer in refused:
        assert refusal(answer) == (429, "general_rate_limit_exceeded")
        assert "5 messages a second from one publisher" in answer.json()["message"]
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(send(party.admin, "narrow", {}) for _ in range(40)))
    seconds = asyncio.get_running_loop().time() - began
    assert 3 <= sum(answer.status_code == 201 for answer in answers) <= 3 * (int(seconds) + 2)
    for answer in await asyncio.gather(*(send(party.admin, "usual", {}) for _ in range(40))):
        assert answer.status_code == 201  # a key is no publisher whose rate counts
