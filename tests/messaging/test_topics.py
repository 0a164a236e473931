"""Topics and who subscribes to them."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.messaging.people import Person, refused
from tests.support.api import ApiServer
from tidewire.core.events import Event
from tidewire.core.ids import unique_id
from tidewire.store.engine.event_log import read_after

TOPICS = "/v1/messaging/topics"


def logged(api: ApiServer) -> list[Event]:
    """What stands in the event log."""

    async def read() -> list[Event]:
        store = await api.instance.project(api.project)
        assert store is not None
        found = await store.database.read(lambda connection: read_after(connection, 0, 100_000))
        return [each.event for each in found]

    return api.run(read)


def new_topic(program: httpx.Client, **values: Any) -> str:
    """A new topic; its id."""
    made = program.post(TOPICS, json={"topicId": unique_id(), "name": "News", **values})
    assert made.status_code == 201, made.text
    return str(made.json()["$id"])


def subscribe(client: httpx.Client, topic: str, target: str) -> httpx.Response:
    """Subscribe a target to a topic."""
    body = {"subscriberId": unique_id(), "targetId": target}
    return client.post(f"{TOPICS}/{topic}/subscribers", json=body)


def totals(program: httpx.Client, topic: str) -> tuple[int, int, int]:
    """The subscribers of a topic by mail, text message and push."""
    shown = program.get(f"{TOPICS}/{topic}").json()
    return shown["emailTotal"], shown["smsTotal"], shown["pushTotal"]


def test_a_topic(program: httpx.Client) -> None:
    topic = new_topic(program)
    assert program.get(f"{TOPICS}/{topic}").json()["subscribe"] == ["users"]
    same = program.post(TOPICS, json={"topicId": topic, "name": "News"})
    refused(same, 409, "topic_already_exists")
    changed = program.patch(f"{TOPICS}/{topic}", json={"name": "Other", "subscribe": ["any"]}).json()
    assert (changed["name"], changed["subscribe"]) == ("Other", ["any"])
    assert program.patch(f"{TOPICS}/{topic}", json={"name": "Third"}).json()["subscribe"] == ["any"]
    found = program.get(TOPICS, params={"search": "third"}).json()["topics"]
    assert topic in [each["$id"] for each in found]
    assert program.delete(f"{TOPICS}/{topic}").status_code == 204
    refused(program.get(f"{TOPICS}/{topic}"), 404, "topic_not_found")
    refused(program.delete(f"{TOPICS}/{topic}"), 404, "topic_not_found")


def test_people_subscribe_targets_of_their_own(program: httpx.Client, ada: Person, bob: Person) -> None:
    topic = new_topic(program)
    made = subscribe(ada.client, topic, ada.email_target)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["userId"], shown["userName"], shown["providerType"]) == (ada.id, "P", "email")
    assert shown["target"]["identifier"] == f"{ada.id}@example.com"
    refused(subscribe(ada.client, topic, ada.email_target), 409, "subscriber_already_exists")
    refused(subscribe(bob.client, topic, ada.email_target), 404, "user_target_not_found")
    refused(subscribe(bob.client, topic, "nobody"), 404, "user_target_not_found")
    refused(subscribe(bob.client, "none", bob.email_target), 404, "topic_not_found")
    one = f"{TOPICS}/{topic}/subscribers/{shown['$id']}"
    assert program.get(one).json() == shown
    assert program.get(f"{TOPICS}/{topic}/subscribers").json() == {"total": 1, "subscribers": [shown]}
    assert totals(program, topic) == (1, 0, 0)
    refused(bob.client.delete(one), 404, "subscriber_not_found")
    refused(bob.client.get(one), 401, "user_unauthorized")
    refused(bob.client.get(f"{TOPICS}/{topic}/subscribers"), 401, "user_unauthorized")
    assert ada.client.delete(one).status_code == 204
    assert totals(program, topic) == (0, 0, 0)
    refused(ada.client.delete(one), 404, "subscriber_not_found")


def test_only_holders_of_a_role_subscribe(
    program: httpx.Client, api: ApiServer, ada: Person, bob: Person
) -> None:
    topic = new_topic(program, subscribe=[f"user:{bob.id}"])
    refused(subscribe(ada.client, topic, ada.email_target), 401, "user_unauthorized")
    assert subscribe(bob.client, topic, bob.email_target).status_code == 201
    assert subscribe(program, topic, ada.email_target).status_code == 201  # programs subscribe anybody
    with httpx.Client(base_url=api.url, headers={"X-Appwrite-Project": api.project}) as guest:
        refused(subscribe(guest, topic, bob.email_target), 401, "general_unauthorized_scope")
    assert program.delete(f"{TOPICS}/{topic}").status_code == 204


def test_who_goes_is_counted_no_more(program: httpx.Client, ada: Person, bob: Person) -> None:
    topic = new_topic(program)
    phone = {
        "targetId": unique_id(),
        "providerType": "sms",
        "identifier": f"+1{ada.id[-8:].translate(_DIGITS)}",
    }
    device = {"targetId": unique_id(), "identifier": unique_id()}
    program.post(f"/v1/users/{ada.id}/targets", json=phone).raise_for_status()
    ada.client.post("/v1/account/targets/push", json=device).raise_for_status()
    for target in (ada.email_target, phone["targetId"], device["targetId"], bob.email_target):
        assert subscribe(program, topic, target).status_code == 201
    assert totals(program, topic) == (2, 1, 1)
    program.delete(f"/v1/users/{ada.id}/targets/{phone['targetId']}").raise_for_status()
    assert totals(program, topic) == (2, 0, 1)
    ada.client.delete("/v1/account/sessions/current").raise_for_status()  # with the device
    assert totals(program, topic) == (2, 0, 0)
    program.delete(f"/v1/users/{ada.id}").raise_for_status()
    assert totals(program, topic) == (1, 0, 0)
    left = program.get(f"{TOPICS}/{topic}/subscribers", params={"search": bob.id}).json()
    assert [each["userId"] for each in left["subscribers"]] == [bob.id]


_DIGITS = str.maketrans("abcdef", "123456")


def test_a_target_names_its_provider(program: httpx.Client, ada: Person) -> None:
    path = f"/v1/users/{ada.id}/targets/{ada.email_target}"
    refused(program.patch(path, json={"providerId": "none"}), 404, "provider_not_found")
    sms, mail = unique_id(), unique_id()
    program.post("/v1/messaging/providers/twilio", json={"providerId": sms, "name": "T"}).raise_for_status()
    program.post("/v1/messaging/providers/resend", json={"providerId": mail, "name": "R"}).raise_for_status()
    refused(program.patch(path, json={"providerId": sms}), 400, "provider_incorrect_type")
    assert program.patch(path, json={"providerId": mail}).json()["providerId"] == mail


def test_events_reach_webhooks_and_functions_only(program: httpx.Client, api: ApiServer, ada: Person) -> None:
    topic = new_topic(program)
    subscriber = subscribe(ada.client, topic, ada.email_target).json()["$id"]
    program.delete(f"{TOPICS}/{topic}/subscribers/{subscriber}").raise_for_status()
    program.patch(f"{TOPICS}/{topic}", json={"name": "Other"}).raise_for_status()
    program.delete(f"{TOPICS}/{topic}").raise_for_status()
    about = [event for event in logged(api) if event.parameters.get("topicId") == topic]
    assert [event.pattern for event in about] == [
        "topics.[topicId].create",
        "topics.[topicId].subscribers.[subscriberId].create",
        "topics.[topicId].subscribers.[subscriberId].delete",
        "topics.[topicId].update",
        "topics.[topicId].delete",
    ]
    assert not any(event.channels for event in about)
    assert json.loads(about[1].payload)["target"]["userId"] == ada.id
