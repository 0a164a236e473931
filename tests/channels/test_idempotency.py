"""Publishing again with the same key: once is enough."""

from __future__ import annotations

import asyncio

import pytest

from tests.channels.conftest import Party, Start, partying, refusal, send

KEPT = pytest.mark.parametrize("history", [False, True], ids=["passing", "kept"])


@KEPT
async def test_the_same_message_is_sent_once(party: Party, history: bool) -> None:
    name = f"once-{history}"
    await party.rule(name, read=["any"], history=history)
    listener = await party.listen(name)
    answers = await asyncio.gather(
        *(send(party.admin, name, {"n": 1}, idempotencyKey="k1") for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    await send(party.admin, name, {"n": 2}, idempotencyKey="k2")
    await send(party.admin, name, {"n": 3})
    await send(party.admin, name, {"n": 3})
    if not history:
        assert await listener.payloads() == [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 3}]
    else:
        assert [(await listener.event())["payload"]["n"] for _ in range(4)] == [1, 2, 3, 3]
        assert await listener.payloads() == []


@KEPT
async def test_another_payload_under_the_same_key_is_a_conflict(party: Party, history: bool) -> None:
    name = f"conflict-{history}"
    await party.rule(name, read=["any"], history=history)
    assert (await send(party.admin, name, {"n": 1}, idempotencyKey="k")).status_code == 201
    answer = await send(party.admin, name, {"n": 2}, idempotencyKey="k")
    assert refusal(answer) == (409, "channel_message_conflict")


@KEPT
async def test_a_key_counts_for_its_publisher_and_channel_alone(party: Party, history: bool) -> None:
    first, second = f"own-{history}", f"own-too-{history}"
    for name in (first, second):
        await party.rule(name, read=["any"], publish=["users"], history=history)
    anna, ben = [await party.rest((await party.user())[1]) for _ in range(2)]
    sent = [
        await send(by, name, {"n": number}, idempotencyKey="k")
        for number, (by, name) in enumerate(
            ((anna, first), (ben, first), (party.admin, first), (anna, second))
        )
    ]
    assert [answer.status_code for answer in sent] == [201] * 4
    assert len({answer.json()["$id"] for answer in sent}) == 4


@pytest.mark.parametrize("key", ["", "x" * 65, 7, ["k"]])
async def test_keys_that_are_none(party: Party, key: object) -> None:
    answer = await send(party.admin, "fence", {}, idempotencyKey=key)
    assert refusal(answer) == (400, "general_argument_invalid")


async def test_kept_messages_are_recognised_after_a_kill(start: Start) -> None:
    party = await start()
    await party.rule("survivor", read=["any"], history=True)
    first = await send(party.admin, "survivor", {"n": 1}, idempotencyKey="k")
    party.server.kill()
    party.server.start()
    async with partying(party.server) as again:
        repeated = await send(again.admin, "survivor", {"n": 1}, idempotencyKey="k")
        assert (repeated.status_code, repeated.json()) == (201, first.json())
        other = await send(again.admin, "survivor", {"n": 2}, idempotencyKey="k")
        assert refusal(other) == (409, "channel_message_conflict")
        offset = first.json()["offset"]
        asked = {"channels[]": "channels.survivor", "since": offset - 1}
        log = (await again.admin.get("/realtime/events", params=asked)).json()
        assert [(event["offset"], event["payload"]) for event in log["events"]] == [(offset, {"n": 1})]


async def test_after_its_time_a_key_is_new(start: Start) -> None:
    party = await start("--realtime-idempotency-seconds", "0.001")
    for name, history in (("short", False), ("short-kept", True)):
        await party.rule(name, read=["any"], history=history)
        first = await send(party.admin, name, {"n": 1}, idempotencyKey="k")
        await asyncio.sleep(0.002)  # the time that the key is known for
        second = await send(party.admin, name, {"n": 2}, idempotencyKey="k")
        assert second.status_code == 201
        assert second.json()["$id"] != first.json()["$id"]
