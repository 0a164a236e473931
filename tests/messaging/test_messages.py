"""Messages as they are given: drafts, schedules, what is refused, and lists."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.messaging.people import Person, refused
from tests.messaging.test_topics import logged
from tests.support.api import ApiServer
from tidewire.core.ids import unique_id
from tidewire.core.time import format_datetime, now

MESSAGES = "/v1/messaging/messages"
MAIL = {"subject": "News", "content": "Hello"}


def later(seconds: float = 3600) -> str:
    return format_datetime(now() + int(seconds * 1000))


def draft(program: httpx.Client, kind: str = "email", **values: Any) -> str:
    """A new draft; its id."""
    usual = MAIL if kind == "email" else {"content": "Hello"} if kind == "sms" else {"title": "Hello"}
    body = {"messageId": unique_id(), "draft": True, **usual, **values}
    made = program.post(f"{MESSAGES}/{kind}", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["$id"])


def test_a_draft_becomes_a_scheduled_message(program: httpx.Client, ada: Person) -> None:
    message = draft(program)
    assert program.get(f"{MESSAGES}/{message}").json()["status"] == "draft"
    path = f"{MESSAGES}/email/{message}"
    refused(program.patch(path, json={"scheduledAt": later()}), 400, "message_missing_target")
    at = later()
    given = {"scheduledAt": at, "users": [ada.id], "subject": "Other"}
    changed = program.patch(path, json=given).json()
    assert (changed["status"], changed["scheduledAt"], changed["users"]) == ("scheduled", at, [ada.id])
    assert (changed["data"]["subject"], changed["data"]["content"]) == ("Other", "Hello")
    kept = program.patch(path, json={"content": "Bye"}).json()
    assert (kept["status"], kept["scheduledAt"], kept["data"]["content"]) == ("scheduled", at, "Bye")
    assert program.patch(path, json={"draft": True}).json()["status"] == "draft"
    assert program.patch(path, json={"draft": False}).json()["status"] == "processing"
    refused(program.patch(path, json={"content": "x"}), 400, "message_already_processing")
    assert program.delete(f"{MESSAGES}/{message}").status_code == 204
    refused(program.get(f"{MESSAGES}/{message}"), 404, "message_not_found")
    refused(program.patch(path, json={"content": "x"}), 404, "message_not_found")


def test_a_text_message_keeps_its_time(program: httpx.Client, ada: Person) -> None:
    at = later()
    body = {"messageId": unique_id(), "content": "Hello", "users": [ada.id], "scheduledAt": at}
    made = program.post(f"{MESSAGES}/sms", json=body).json()
    assert (made["status"], made["scheduledAt"]) == ("scheduled", at)
    refused(
        program.post(f"{MESSAGES}/sms", json=body | {"scheduledAt": later(-5), "messageId": unique_id()}),
        400,
        "general_argument_invalid",
    )
    refused(program.post(f"{MESSAGES}/sms", json=body), 409, "message_already_exists")


@pytest.mark.parametrize("kind", ["sms", "push"])
def test_targets_are_of_the_kind(program: httpx.Client, ada: Person, kind: str) -> None:
    usual = {"content": "Hello"} if kind == "sms" else {"title": "Hello"}
    body = {"messageId": unique_id(), "targets": [ada.email_target], **usual}
    refused(program.post(f"{MESSAGES}/{kind}", json=body), 400, f"message_target_not_{kind}")


def test_mails_need_somebody(program: httpx.Client, ada: Person) -> None:
    def mail(**values: Any) -> httpx.Response:
        return program.post(f"{MESSAGES}/email", json={"messageId": unique_id(), **MAIL, **values})

    refused(mail(), 400, "message_missing_target")
    refused(mail(targets=["nobody"]), 400, "message_target_not_email")
    refused(mail(users=[ada.id], cc=["nobody"]), 400, "message_target_not_email")
    refused(mail(users=[f"u{number}" for number in range(21)]), 400, "general_argument_invalid")
    refused(mail(users=[ada.id], attachments=["none:none"]), 404, "storage_bucket_not_found")
    refused(mail(users=[ada.id], attachments=["none"]), 400, "general_argument_invalid")
    assert mail(users=[ada.id], targets=[ada.email_target], cc=[ada.email_target]).status_code == 201


def test_files(program: httpx.Client, ada: Person) -> None:
    bucket = unique_id()
    program.post("/v1/storage/buckets", json={"bucketId": bucket, "name": "Files"}).raise_for_status()
    files = {"file": ("a.txt", b"hello", "text/plain")}
    file = program.post(f"/v1/storage/buckets/{bucket}/files", data={"fileId": "f"}, files=files).json()[
        "$id"
    ]
    message = draft(program, attachments=[f"{bucket}:{file}"])
    shown = program.get(f"{MESSAGES}/{message}").json()
    assert shown["data"]["attachments"] == [{"bucketId": bucket, "fileId": file}]
    body = {"messageId": unique_id(), "title": "x", "users": [ada.id]}
    wrong = program.post(f"{MESSAGES}/push", json=body | {"image": f"{bucket}:{file}"})
    refused(wrong, 400, "storage_file_type_unsupported")
    gone = program.post(f"{MESSAGES}/push", json=body | {"image": f"{bucket}:none"})
    refused(gone, 404, "storage_file_not_found")


def test_push_keeps_what_is_given(program: httpx.Client) -> None:
    given = {"title": "T", "body": "B", "data": {"a": 1}, "badge": 3, "priority": "normal", "critical": True}
    message = draft(program, "push", **given)
    assert program.get(f"{MESSAGES}/{message}").json()["data"] == given


def test_lists(program: httpx.Client, ada: Person) -> None:
    word = unique_id()
    message = draft(program, subject=f"about {word}", targets=[ada.email_target])
    found = program.get(MESSAGES, params={"search": word}).json()
    assert [each["$id"] for each in found["messages"]] == [message]
    query = json.dumps({"method": "equal", "attribute": "status", "values": ["draft"]})
    listed = program.get(MESSAGES, params={"queries[0]": query, "search": word}).json()
    assert listed["total"] == 1
    targets = program.get(f"{MESSAGES}/{message}/targets").json()
    assert [each["$id"] for each in targets["targets"]] == [ada.email_target]


def test_events(program: httpx.Client, api: ApiServer, ada: Person) -> None:
    message = draft(program)
    program.patch(f"{MESSAGES}/email/{message}", json={"content": "x"}).raise_for_status()
    program.delete(f"{MESSAGES}/{message}").raise_for_status()
    about = [event for event in logged(api) if event.parameters.get("messageId") == message]
    assert [event.pattern.rpartition(".")[2] for event in about] == ["create", "update", "delete"]
    assert [bool(event.channels) for event in about] == [False, True, False]
    assert about[1].audience == "console"
    refused(ada.client.get(MESSAGES), 401, "general_unauthorized_scope")
