"""The event log over REST: who gets what of it, and how one goes on reading."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api.people import PASSWORD
from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.core.ids import unique_id

Json = dict[str, Any]
PATH = "/v1/realtime/events"


def _read(client: httpx.Client, **given: Any) -> Json:
    given.setdefault("channels", ["files"])
    parameters = {f"{name}[]" if isinstance(value, list) else name: value for name, value in given.items()}
    answer = client.get(PATH, params=parameters)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def _upload(client: httpx.Client, bucket_id: str, name: str) -> str:
    answer = client.post(
        f"/v1/storage/buckets/{bucket_id}/files", data={"fileId": unique_id()}, files={"file": (name, b"x")}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["$id"])


@pytest.fixture
def bucket_for(server_client: httpx.Client) -> Any:
    def create(*roles: str) -> str:
        bucket_id = unique_id()
        permissions = [f'read("{role}")' for role in roles]
        body = {"bucketId": bucket_id, "name": "b", "permissions": permissions}
        assert server_client.post("/v1/storage/buckets", json=body).status_code == 201
        return bucket_id

    return create


def _ids(found: Json) -> list[str]:
    return [each["payload"]["$id"] for each in found["events"]]


def test_events_are_read_in_pages(client: httpx.Client, server_client: httpx.Client, bucket_for: Any) -> None:
    start = _read(client)
    assert (start["events"], start["recovered"]) == ([], True)
    bucket = bucket_for("any")
    expected = [_upload(server_client, bucket, f"{number}.txt") for number in range(5)]
    got, place = [], start["offset"]
    while page := _read(client, since=place, epoch=start["epoch"], limit=2):
        assert page["recovered"] is True
        got += _ids(page)
        if not page["events"]:
            break
        assert page["offset"] >= page["events"][-1]["offset"]
        place = page["offset"]
    assert got == expected


def test_an_event_is_what_a_frame_tells(
    client: httpx.Client, server_client: httpx.Client, bucket_for: Any
) -> None:
    start = _read(client)["offset"]
    bucket = bucket_for("any")
    file_id = _upload(server_client, bucket, "a.txt")
    [event] = _read(client, since=start, channels=[f"buckets.{bucket}.files"])["events"]
    assert list(event) == ["events", "channels", "timestamp", "payload", "offset"]
    assert event["events"][0] == f"buckets.{bucket}.files.{file_id}.create"


def test_queries_select(client: httpx.Client, server_client: httpx.Client, bucket_for: Any) -> None:
    start = _read(client)["offset"]
    bucket = bucket_for("any")
    _upload(server_client, bucket, "a.txt")
    wanted = _upload(server_client, bucket, "b.txt")
    query = json.dumps({"method": "equal", "attribute": "name", "values": ["b.txt"]})
    assert _ids(_read(client, since=start, queries=[query])) == [wanted]
    refused = client.get(PATH, params={"channels[]": "files", "queries[]": "{}"})
    assert refused.status_code == 400


def test_users_get_what_they_may_read(
    api: ApiServer, client: httpx.Client, server_client: httpx.Client, bucket_for: Any
) -> None:
    start = _read(client)["offset"]
    user_id = unique_id()
    headers = {"X-Appwrite-Project": api.project}
    with checked_client(base_url=api.url, headers=headers, timeout=20) as user:
        body = {"userId": user_id, "email": f"{user_id}@example.com", "password": PASSWORD}
        assert user.post("/v1/account", json=body).status_code == 201
        assert user.post("/v1/account/sessions/email", json=body).status_code == 201
        mine = _upload(server_client, bucket_for(f"user:{user_id}"), "a.txt")
        theirs = _upload(server_client, bucket_for("user:another"), "a.txt")
        assert _ids(_read(user, since=start)) == [mine]
        assert _ids(_read(client, since=start)) == []
        # Account channels of others are nobody's business.
        assert _read(client, since=start, channels=[f"account.{user_id}"])["events"] == []
    key = api.create_key(["realtime.read"])
    with checked_client(base_url=api.url, headers=headers | {"X-Appwrite-Key": key}, timeout=20) as program:
        assert _ids(_read(program, since=start)) == [mine, theirs]
        assert _read(program, since=start, channels=[f"account.{user_id}"])["events"] != []


def test_a_key_needs_the_scope(server_client: httpx.Client) -> None:
    answer = server_client.get(PATH, params={"channels[]": "files"})
    assert (answer.status_code, answer.json()["type"]) == (401, "general_unauthorized_scope")


@pytest.mark.parametrize("place", [{"since": 0, "epoch": "another"}, {"since": 2**53 - 1}])
def test_a_place_of_another_log_is_told(client: httpx.Client, place: Json) -> None:
    found = _read(client, **place)
    assert (found["events"], found["recovered"]) == ([], False)
    assert found["offset"] == _read(client)["offset"]


@pytest.mark.parametrize(
    "given",
    [{}, {"channels": "files"}, {"channels[]": "files", "since": "x"}, {"channels[]": "files", "since": -1},
     {"channels[]": "files", "limit": 0}, {"channels[]": "files", "limit": 1001}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(client: httpx.Client, given: Json) -> None:
    assert client.get(PATH, params=given).status_code == 400
