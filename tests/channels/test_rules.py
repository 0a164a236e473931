"""Rules of custom channels, managed by REST."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.conftest import Party, Start, refusal

CLOSED = {
    "read": [],
    "publish": [],
    "history": False,
    "presence": False,
    "rate": 0,
    "publisherRate": 0,
}


async def test_a_rule_is_made_found_changed_and_deleted(party: Party) -> None:
    made = await party.rule("managed")
    assert made == {
        "$id": "managed",
        "$createdAt": made["$createdAt"],
        "$updatedAt": made["$createdAt"],
        **CLOSED,
    }
    assert refusal(await party.admin.post("/realtime/channels", json={"channelId": "managed"})) == (
        409,
        "channel_already_exists",
    )
    changed = await party.change(
        "managed",
        read=["users", 'read("team:red/owner")', "users"],
        publish=['write("label:vip")', 'create("member:m1")'],
        history=True,
        presence=True,
        rate=7,
        publisherRate=3,
    )
    expected: dict[str, Any] = {
        "read": ["users", "team:red/owner"],
        "publish": ["label:vip", "member:m1"],
        "history": True,
        "presence": True,
        "rate": 7,
        "publisherRate": 3,
    }
    assert {name: changed[name] for name in CLOSED} == expected
    assert (await party.change("managed", rate=0))["read"] == expected["read"]
    found = (await party.admin.get("/realtime/channels/managed")).json()
    assert {name: found[name] for name in CLOSED} == expected | {"rate": 0}
    assert (await party.admin.delete("/realtime/channels/managed")).status_code == 204
    for method in ("GET", "PUT", "DELETE"):
        answer = await party.admin.request(method, "/realtime/channels/managed")
        assert refusal(answer) == (404, "channel_not_found")


async def test_rules_are_listed(party: Party) -> None:
    for name in ("list.a", "list.b", "list.*"):
        await party.rule(name, history=name == "list.b")
    query = '{"method":"startsWith","attribute":"$id","values":["list."]}'
    page = (await party.admin.get("/realtime/channels", params={"queries[]": query})).json()
    assert (page["total"], [each["$id"] for each in page["channels"]]) == (3, ["list.a", "list.b", "list.*"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channelId", "a..b"),
        ("channelId", "*"),
        ("channelId", "*.a"),
        ("channelId", "a*"),
        ("channelId", "a.*.b"),
        ("channelId", "members"),
        ("channelId", "members.*"),
        ("channelId", 7),
        ("read", ["everybody"]),
        ("read", ['update("any")']),
        ("read", ["any"] * 101),
        ("read", "any"),
        ("read", [7]),
        ("publish", ['read("any")']),
        ("publish", ["user:"]),
        ("history", "maybe"),
        ("rate", -1),
        ("rate", 1.5),
    ],
)
async def test_what_cannot_be_a_rule(party: Party, field: str, value: object) -> None:
    answer = await party.admin.post("/realtime/channels", json={"channelId": "wrong", field: value})
    assert refusal(answer) == (400, "general_argument_invalid")
    assert f"`{field}`" in answer.json()["message"]


async def test_the_number_of_rules_is_bounded(start: Start) -> None:
    party = await start("--realtime-max-channel-rules", "2")
    await party.rule("second")
    answer = await party.admin.post("/realtime/channels", json={"channelId": "third"})
    assert refusal(answer) == (400, "channel_limit_exceeded")
    assert (await party.admin.delete("/realtime/channels/second")).status_code == 204
    await party.rule("third")


async def test_the_console_has_no_channels(party: Party) -> None:
    answer = await party.admin.post(
        "/realtime/channels", json={"channelId": "c"}, headers={"X-Appwrite-Project": "console"}
    )
    assert answer.status_code in {401, 404}
