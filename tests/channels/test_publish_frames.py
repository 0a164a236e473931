"""Publishing over the socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.conftest import Json, Listener, Party, Start


def _code(answer: Json) -> int:
    assert answer["type"] == "error", answer
    code: int = answer["data"]["code"]
    return code


async def _publish(listener: Listener, *rows: tuple[str, Any], **more: Any) -> Json:
    data = [{"channel": channel, "payload": payload, **more} for channel, payload in rows]
    return await listener.ask("publish", data)


async def test_a_user_talks_to_others(party: Party) -> None:
    await party.rule("talk", read=["any"], publish=["users"])
    await party.rule("talk-kept", read=["any"], publish=["users"], history=True)
    listener = await party.listen("talk", "talk-kept")
    _, session = await party.user()
    speaker = await party.listen(session=session)
    answer = await _publish(speaker, ("talk", {"n": 1}), ("talk-kept", {"n": 2}), ("talk", {"n": 3}))
    assert answer["type"] == "response"
    assert (answer["data"]["to"], answer["data"]["success"]) == ("publish", True)
    rows = answer["data"]["messages"]
    assert [row["channel"] for row in rows] == ["talk", "talk-kept", "talk"]
    assert ["offset" in row for row in rows] == [False, True, False]
    events = [await listener.event() for _ in range(3)]
    arrived = {event["events"][0].split(".")[3]: event["payload"]["n"] for event in events}
    assert arrived == {row["$id"]: number for number, row in enumerate(rows, 1)}
    passing = [event["payload"]["n"] for event in events if event["channels"] == ["channels.talk"]]
    assert passing == [1, 3]


async def test_who_publishes_hears_it_too_after_the_answer_or_before(party: Party) -> None:
    await party.rule("echo", read=["any"], publish=["any"])
    listener = await party.listen("echo")
    await listener.socket.send('{"type":"publish","data":[{"channel":"echo","payload":{}}]}')
    frames = [await listener.frame() for _ in range(2)]
    assert sorted(frame["type"] for frame in frames) == ["event", "response"]


async def test_a_batch_is_sent_whole_or_not_at_all(party: Party) -> None:
    await party.rule("batch", read=["any"], publish=["any"])
    await party.rule("batch-kept", read=["any"], publish=["any"], history=True)
    await party.rule("not-for-guests", read=["any"], publish=["users"])
    listener, guest = await party.listen("batch", "batch-kept", "not-for-guests"), await party.listen()
    good = [("batch", {"good": True}), ("batch-kept", {"good": True})]
    assert _code(await _publish(guest, *good, ("not-for-guests", {}))) == 401
    assert _code(await _publish(guest, *good, ("without-rule", {}))) == 401
    assert _code(await _publish(guest, *good, ("batch", []))) == 1003
    assert _code(await _publish(guest, *good, ("a..b", {}))) == 1003
    for name in ("batch", "batch-kept"):
        conflict = [
            {"channel": "batch", "payload": {"good": True}},
            {"channel": name, "payload": {"n": 1}, "idempotencyKey": "k"},
            {"channel": name, "payload": {"n": 2}, "idempotencyKey": "k"},
        ]
        assert _code(await guest.ask("publish", conflict)) == 409
    assert await listener.payloads() == []


async def test_the_same_key_in_a_batch_or_by_rest_is_one_message(party: Party) -> None:
    await party.rule("same", read=["any"], publish=["users"])
    listener = await party.listen("same")
    _, session = await party.user()
    speaker, rest = await party.listen(session=session), await party.rest(session)
    answer = await _publish(speaker, ("same", {"n": 1}), ("same", {"n": 1}), idempotencyKey="k")
    body = {"payload": {"n": 1}, "idempotencyKey": "k"}
    repeated = await rest.post("/realtime/channels/same/messages", json=body)
    ids = {row["$id"] for row in answer["data"]["messages"]} | {repeated.json()["$id"]}
    assert len(ids) == 1
    assert await listener.payloads() == [{"n": 1}]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [],
        ["x"],
        [{}],
        [{"channel": "echo"}],
        [{"payload": {}}],
        [{"channel": 7, "payload": {}}],
        [{"channel": "channels..x", "payload": {}}],
        [{"channel": "a", "payload": None}],
        [{"channel": "a", "payload": {}, "idempotencyKey": ""}],
        [{"channel": "a", "payload": {}, "idempotencyKey": 7}],
        [{"channel": "a", "payload": {}}] * 101,
    ],
)
async def test_frames_that_are_not_understood(party: Party, data: Any) -> None:
    guest = await party.listen()
    assert _code(await guest.ask("publish", data)) == 1003
    assert (await guest.ask("ping", None))["type"] == "pong"


async def test_programs_publish_with_the_scope(party: Party) -> None:
    await party.rule("programs", read=["any"])
    listener = await party.listen("programs")
    reading = await party.listen(key=party.server.create_key("realtime.read"))
    assert _code(await _publish(reading, ("programs", {}))) == 401
    writing = await party.listen(key=party.server.create_key("realtime.read,realtime.write"))
    assert (await _publish(writing, ("programs", {"by": "key"})))["type"] == "response"
    assert _code(await _publish(writing, ("without-rule", {}))) == 404
    assert await listener.payloads() == [{"by": "key"}]


async def test_rights_are_those_of_now(party: Party) -> None:
    user_id, session = await party.user()
    await party.rule("now", read=["any"], publish=["label:staff"])
    speaker = await party.listen(session=session)
    for round_ in range(10):
        labels = ["staff"] if round_ % 2 else []
        await party.admin.put(f"/users/{user_id}/labels", json={"labels": labels})
        answer = await _publish(speaker, ("now", {"round": round_}))
        assert answer["type"] == ("response" if labels else "error")


async def test_messages_have_a_rate_and_refused_frames_count_as_messages(start: Start) -> None:
    party = await start("--realtime-messages-per-minute", "1000000", TIDEWIRE_RATE_LIMITS="on")
    await party.rule("slow", read=["users"], publish=["any"], publisherRate=10)
    guest = await party.listen()
    answer = await _publish(guest, *[("slow", {})] * 11)
    assert _code(answer) == 1013
    assert "10 messages a second" in answer["data"]["message"]
    assert (await _publish(guest, *[("slow", {})] * 10))["type"] == "response"
    strict = await start("--realtime-messages-per-minute", "3", TIDEWIRE_RATE_LIMITS="on")
    await strict.rule("open", read=["users"], publish=["any"])
    other = await strict.listen()
    for _ in range(8):  # a cursor moves more often than clients subscribe
        assert (await _publish(other, ("open", {})))["type"] == "response"
    refusals = [_code(await _publish(other, ("closed", {})))]
    while refusals[-1] != 1013:
        refusals.append(_code(await _publish(other, ("closed", {}))))
    assert refusals[0] == 401
    assert 2 <= len(refusals) - 1 <= 5, "beside the subscription, in one minute of the clock or two"
    assert _code(await _publish(other, ("open", {}))) == 1013
