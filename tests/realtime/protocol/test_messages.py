"""Frames from clients and their answers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.realtime.world import World
from tests.vectors import Case, load_cases
from tidewire.realtime.protocol.errors import MessageError
from tidewire.realtime.protocol.parsing import parse_message

BETTER_CODE = {"subscribe queries with object", "subscribe select attribute"}
"""Wrong queries that are answered with 1003 like all others."""

BY_ROW = {"subscribe second item bad: nothing is added", "subscribe second query bad: nothing is added"}
"""Each row is answered by itself here: test_each_row_is_answered_by_itself."""


def _applies(case: Case) -> bool:
    if case["name"] in BY_ROW:
        return False
    # "none": before the set-up, where frames wait (test_websocket); "impersonated": a connection's own state.
    if case["state"] == "console":
        return "presence" in case["name"]
    return case["state"] in {"user", "guest", "subscribed"}


@pytest.mark.parametrize("case", [each for each in load_cases("ws_messages") if _applies(each.values[0])])
async def test_vectors(case: Case) -> None:
    world = World("console" if case["state"] == "console" else "p1", extended_queries=False)
    world.users.stored["u2"] = {"$id": "u2"}
    await world.connect("c", "" if case["state"] == "guest" else "u1")
    if case["state"] == "subscribed":
        frame = '{"type":"subscribe","data":[{"subscriptionId":"existing","channels":["documents"]}]}'
        await world.send("c", frame)
    reply = await world.send("c", re.sub("@good", "@u2", case["frame"]))
    assert _shortened(reply) == _wanted(case)
    after = sorted(world.clients["c"].subscriptions)
    if case["subscriptions_after"] == ["<generated>"]:
        assert len(after) == 1
    else:
        assert after == case["subscriptions_after"]


def _wanted(case: Case) -> Any:
    if case["name"] in BETTER_CODE:
        return {"error": {"code": 1003, "closes": False}}
    return case["expected"]


def _shortened(reply: Any) -> Any:
    data = reply.get("response", {}).get("data", {})
    if "user" in data:
        data["user"] = {"$id": data["user"]["$id"]}
    for row in data.get("subscriptions", []):
        if re.fullmatch("[0-9a-f]{20}", row["subscriptionId"]):
            row["subscriptionId"] = "<generated>"
    return reply


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        '{"type":"subscribe","data":' + "[" * 30_000,
        '{"type":"subscribe","data":[{"channels":["a"],"queries":["' + "[" * 30_000 + '"]}]}',
        # Readable here, but perhaps not where the event is matched, which would be lost for everybody.
        '{"type":"presence","data":{"status":"s","metadata":{"a":' + "[" * 900 + "]" * 900 + "}}}",
        '{"type":"publish","data":[{"channel":"c","payload":{"a":' + "[" * 125 + "]" * 125 + "}}]}",
        '{"type":"ping",}',
        '{"type":"unsubscribe","data":[{"subscriptionId":"\\ud800"}]}',
        '{"type":"subscribe","data":[{"channels":["\\ud800"]}]}',
        '{"type":"authentication","data":{"session":NaN}}',
    ],
)
def test_malice_is_refused_with_an_error(text: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(text)
    assert caught.value.code == 1003


async def test_the_channels_of_a_connection_are_bounded() -> None:
    world = World()
    await world.connect("c")
    channels = ",".join(f'"c{number}"' for number in range(4000))
    row = '{"type":"subscribe","data":[{"subscriptionId":"%s","channels":[%s]}]}'
    assert "response" in await world.send("c", row % ("a", channels))
    assert "response" in await world.send("c", row % ("a", channels)), "replacing needs no more room"
    assert await world.send("c", row % ("b", channels)) == {"error": {"code": 1013, "closes": False}}
    assert list(world.clients["c"].subscriptions) == ["a"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("", "Message format is not valid."),
        ("null", "Message format is not valid."),
        ("{}", "Message format is not valid."),
        ("[]", "Message format is not valid."),
        ('{"type":"shout"}', "Message type is not valid."),
        ('{"data":{}}', "Message type is not valid."),
        ('{"type":["ping"]}', "Message type is not valid."),
        ('{"type":"authentication"}', "Payload is not valid. Session is required"),
        ('{"type":"authentication","data":{}}', "Payload is not valid. Session is required"),
        ('{"type":"presence","data":[]}', "Payload is not valid. Status is required"),
        ('{"type":"presence","data":{"metadata":{}}}', "Payload is not valid. Status is required"),
        ('{"type":"subscribe"}', "Payload is not valid. Items is required"),
        ('{"type":"unsubscribe","data":null}', "Payload is not valid. Items is required"),
        (
            '{"type":"presence","data":{"status":"s","permissions":"read"}}',
            "permissions: Permissions must be an array of strings",
        ),
        ('{"type":"presence","data":{"status":""}}', "status: "),
        ('{"type":"presence","data":{"status":"s","presenceId":"?"}}', "presenceId: "),
        ('{"type":"presence","data":{"status":"s","metadata":7}}', "metadata: "),
        ('{"type":"authentication","data":{"session":7}}', "session: "),
        ('{"type":"subscribe","data":{"channels":["a"]}}', "items: "),
        ('{"type":"subscribe","data":[{"channels":["a"],"queries":["{"]}]}', "Invalid query: "),
        ('{"type":"subscribe","data":[{"channels":["a"],"queries":7}]}', "Invalid query: "),
    ],
)
def test_the_texts_that_apps_look_for_in_their_logs(frame: str, message: str) -> None:
    """A fixed text stands alone, and what was wrong beside it; other texts go on with what was wrong."""
    with pytest.raises(MessageError) as refused:
        parse_message(frame)
    assert refused.value.code == 1003
    if message.endswith(": "):
        assert refused.value.message.startswith(message)
        assert len(refused.value.message) > len(message)
    else:
        assert refused.value.message == message
        assert refused.value.explanation or message.startswith("permissions: ")
