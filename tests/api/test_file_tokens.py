"""File tokens over HTTP: what they open, what they do not, and how they end."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import update

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.core.ids import unique_id
from tidewire.core.time import format_datetime, now
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.event_log import read_after
from tidewire.store.schema import file_tokens
from tidewire.store.secrets.purposes import key_for
from tidewire.store.upkeep.maintenance import maintain_project

READING = ("view", "download")


def later(seconds: float) -> str:
    """A time so many seconds from now."""
    return format_datetime(now() + int(seconds * 1000))


class Bucket:
    """A bucket that nobody but programs may read, with two files."""

    def __init__(self, program: httpx.Client, **settings: Any) -> None:
        self.program = program
        self.id = unique_id()
        created = program.post(
            "/v1/storage/buckets", json={"bucketId": self.id, "name": "Private", **settings}
        )
        created.raise_for_status()
        self.files = [self.put(f"{name} of {self.id}") for name in ("one", "two")]

    def put(self, content: str) -> str:
        files = {"file": ("a.txt", content.encode(), "text/plain")}
        made = self.program.post(f"{self.path}/files", data={"fileId": unique_id()}, files=files)
        return str(made.raise_for_status().json()["$id"])

    @property
    def path(self) -> str:
        return f"/v1/storage/buckets/{self.id}"

    def token(self, file: str = "", **body: Any) -> dict[str, Any]:
        path = f"/v1/tokens/buckets/{self.id}/files/{file or self.files[0]}"
        made = self.program.post(path, json=body)
        assert made.status_code == 201, made.text
        return dict(made.json())

    def read(self, client: httpx.Client, token: str, file: str = "", how: str = "view") -> httpx.Response:
        return client.get(f"{self.path}/files/{file or self.files[0]}/{how}", params={"token": token})


@pytest.fixture
def bucket(program: httpx.Client) -> Bucket:
    return Bucket(program)


@pytest.fixture
def elsewhere(api: ApiServer) -> Iterator[httpx.Client]:
    """A program of another project."""
    project = unique_id()
    api.run(lambda: api.instance.create_project(project, "Other"))
    _, secret = api.run(
        lambda: api.instance.create_key(
            project,
            "k",
            frozenset(
                {
                    "buckets.read",
                    "buckets.write",
                    "files.read",
                    "files.write",
                    "tokens.read",
                    "tokens.write",
                }
            ),
            0,
        )
    )
    headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": secret}
    with checked_client(base_url=api.url, headers=headers, timeout=20) as client:
        yield client


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


@pytest.mark.parametrize("how", READING)
@pytest.mark.parametrize("file_security", [False, True])
def test_a_token_opens_its_file(
    program: httpx.Client, client: httpx.Client, how: str, file_security: bool
) -> None:
    bucket = Bucket(program, fileSecurity=file_security)
    token = bucket.token()
    closed = (404, "storage_file_not_found") if file_security else (401, "user_unauthorized")
    assert refused(bucket.read(client, "", how=how)) == closed
    opened = bucket.read(client, token["secret"], how=how)
    assert (opened.status_code, opened.text) == (200, f"one of {bucket.id}")
    assert opened.headers["cache-control"].startswith("private")
    # Nothing but its content, nothing but reading.
    for path in ("", f"/{bucket.files[0]}"):
        asked = client.get(f"{bucket.path}/files{path}", params={"token": token["secret"]})
        assert asked.status_code in {401, 404} or asked.json()["total"] == 0
    deleted = client.delete(f"{bucket.path}/files/{bucket.files[0]}?token={token['secret']}")
    assert refused(deleted) == closed


def test_what_a_token_says(bucket: Bucket, program: httpx.Client) -> None:
    token = bucket.token()
    assert token["resourceId"] == f"{bucket.id}:{bucket.files[0]}"
    assert (token["resourceType"], token["expire"], token["accessedAt"]) == ("files", "", "")
    claims = jwt.decode(token["secret"], options={"verify_signature": False})
    assert claims["tokenId"] == token["$id"]
    assert "exp" not in claims
    assert len(token["secret"]) <= 512
    assert program.get(f"/v1/tokens/{token['$id']}").json() == token
    soon = later(60)
    ending = bucket.token(expire=soon)
    assert ending["expire"] == soon
    assert jwt.decode(ending["secret"], options={"verify_signature": False})["exp"]


def test_lists(bucket: Bucket, program: httpx.Client) -> None:
    path = f"/v1/tokens/buckets/{bucket.id}/files/{bucket.files[0]}"
    made = [bucket.token(), bucket.token(expire=later(60))]
    bucket.token(bucket.files[1])
    assert program.get(path).json() == {"total": 2, "tokens": made}
    query = json.dumps({"method": "greaterThan", "attribute": "expire", "values": [later(30)]})
    assert program.get(path, params={"queries[0]": query}).json()["tokens"] == made[1:]
    wrong = json.dumps({"method": "equal", "attribute": "secret", "values": ["x"]})
    assert refused(program.get(path, params={"queries[0]": wrong})) == (400, "general_argument_invalid")
    assert refused(program.get(path + "x")) == (404, "storage_file_not_found")
    missing = f"/v1/tokens/buckets/{unique_id()}/files/{bucket.files[0]}"
    assert refused(program.get(missing)) == (404, "storage_bucket_not_found")
    assert refused(program.post(missing)) == (404, "storage_bucket_not_found")


def test_an_update_changes_what_it_says(bucket: Bucket, program: httpx.Client) -> None:
    soon, late = later(60), later(3600)
    token = bucket.token(expire=soon)
    path = f"/v1/tokens/{token['$id']}"
    assert program.patch(path, json={}).json() == token
    assert program.patch(path, json={"expire": late}).json()["expire"] == late
    assert program.patch(path, json={"expire": None}).json()["expire"] == ""
    for wrong in (later(-60), "tomorrow", 12):
        assert refused(program.patch(path, json={"expire": wrong})) == (400, "general_argument_invalid")
        assert refused(
            program.post(f"/v1/tokens/buckets/{bucket.id}/files/{bucket.files[0]}", json={"expire": wrong})
        ) == (400, "general_argument_invalid")
    assert program.get(path).json()["expire"] == ""
    assert refused(program.patch(path + "x", json={})) == (404, "token_not_found")


@pytest.mark.parametrize("how", READING)
def test_revoked_at_once(bucket: Bucket, program: httpx.Client, client: httpx.Client, how: str) -> None:
    token = bucket.token()
    assert bucket.read(client, token["secret"], how=how).status_code == 200
    assert program.delete(f"/v1/tokens/{token['$id']}").status_code == 204
    assert refused(bucket.read(client, token["secret"], how=how)) == (401, "user_unauthorized")
    assert refused(program.get(f"/v1/tokens/{token['$id']}")) == (404, "token_not_found")
    assert refused(program.delete(f"/v1/tokens/{token['$id']}")) == (404, "token_not_found")


def test_expired(bucket: Bucket, program: httpx.Client, client: httpx.Client, api: ApiServer) -> None:
    token, kept = bucket.token(expire=later(1)), bucket.token()
    while bucket.read(client, token["secret"]).status_code == 200:
        time.sleep(0.05)
    assert refused(bucket.read(client, token["secret"])) == (401, "user_unauthorized")
    # A text without an end is none when the row has one: what the row says counts.
    assert bucket.read(client, kept["secret"]).status_code == 200
    _set(api, kept["$id"], expires_at=now() - 1)
    assert refused(bucket.read(client, kept["secret"])) == (401, "user_unauthorized")
    store = api.run(lambda: api.instance.project(api.project))
    assert store is not None
    api.run(lambda: maintain_project(store, api.settings))
    for each in (token, kept):
        assert refused(program.get(f"/v1/tokens/{each['$id']}")) == (404, "token_not_found")


def _set(api: ApiServer, token_id: str, **values: Any) -> None:
    async def change() -> None:
        store = await api.instance.project(api.project)
        assert store is not None

        def unit(transaction: Transaction) -> None:
            statement = update(file_tokens).where(file_tokens.c.id == token_id).values(**values)
            transaction.connection.execute(statement)

        await store.database.write(unit)

    api.run(change)


def test_when_it_was_used(
    bucket: Bucket, program: httpx.Client, client: httpx.Client, api: ApiServer
) -> None:
    token = bucket.token()
    path = f"/v1/tokens/{token['$id']}"
    bucket.read(client, token["secret"])
    first = program.get(path).json()
    assert first["accessedAt"]
    bucket.read(client, token["secret"])
    assert program.get(path).json() == first
    day_before = now() - 25 * 3600 * 1000
    _set(api, token["$id"], accessed_at=day_before)
    bucket.read(client, token["secret"])
    assert program.get(path).json()["accessedAt"] > format_datetime(day_before)


def test_tokens_of_something_else(
    bucket: Bucket, program: httpx.Client, client: httpx.Client, elsewhere: httpx.Client
) -> None:
    """Another file's is refused, whoever asks; another bucket's or project's is as good as none."""
    other_file = bucket.token(bucket.files[1])["secret"]
    other_bucket = Bucket(program).token()["secret"]
    theirs = Bucket(elsewhere)
    for other in (other_file, other_bucket, theirs.token()["secret"]):
        assert refused(bucket.read(client, other)) == (401, "user_unauthorized")
    assert refused(bucket.read(program, other_file)) == (401, "user_unauthorized")
    assert bucket.read(program, other_bucket).status_code == 200
    # The same ids in another project.
    twin = elsewhere.post("/v1/storage/buckets", json={"bucketId": bucket.id, "name": "Twin"})
    twin.raise_for_status()
    content = {"file": ("a.txt", b"theirs", "text/plain")}
    made = elsewhere.post(f"{bucket.path}/files", data={"fileId": bucket.files[0]}, files=content)
    made.raise_for_status()
    mine = bucket.token()["secret"]
    headers = {"X-Appwrite-Project": elsewhere.headers["X-Appwrite-Project"]}
    asked = client.get(f"{bucket.path}/files/{bucket.files[0]}/view", params={"token": mine}, headers=headers)
    assert refused(asked) == (401, "user_unauthorized")


def test_texts_that_are_no_tokens(
    bucket: Bucket, client: httpx.Client, program: httpx.Client, api: ApiServer
) -> None:
    token = bucket.token()
    head, claims, signature = token["secret"].split(".")
    decoded = jwt.decode(token["secret"], options={"verify_signature": False})
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    secret = api.instance.jwt_secret
    for wrong in (
        "x",
        "",
        "null",
        f"{head}.{claims}.",
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        jwt.encode(decoded, "guess" * 8, algorithm="HS256"),
        jwt.encode(decoded, secret, algorithm="HS256"),
        jwt.encode(decoded, key_for("user tokens", secret), algorithm="HS256"),
        jwt.encode({**decoded, "tokenId": "x" * 20}, key_for("file tokens", secret), algorithm="HS256"),
        jwt.encode({**decoded, "tokenId": 7}, key_for("file tokens", secret), algorithm="HS256"),
        jwt.encode({**decoded, "exp": 1}, key_for("file tokens", secret), algorithm="HS256"),
        jwt.encode({**decoded, "exp": "soon"}, key_for("file tokens", secret), algorithm="HS256"),
        jwt.encode({**decoded, "projectId": "other"}, key_for("file tokens", secret), algorithm="HS256"),
    ):
        assert refused(bucket.read(client, wrong)) == (401, "user_unauthorized"), wrong
    assert refused(bucket.read(client, "x" * 513)) == (400, "general_argument_invalid")
    # A file token says nothing of who somebody is.
    for header in ("X-Appwrite-JWT", "X-Appwrite-Session", "X-Appwrite-Key"):
        asked = client.get(bucket.path, headers={header: token["secret"]})
        assert asked.status_code == 401, header
    assert program.get(bucket.path).status_code == 200


def test_who_may_make_them(bucket: Bucket, client: httpx.Client, server_client: httpx.Client) -> None:
    path = f"/v1/tokens/buckets/{bucket.id}/files/{bucket.files[0]}"
    for stranger in (client, server_client):  # the key of the second has no scope for it
        assert refused(stranger.post(path)) == (401, "general_unauthorized_scope")
        assert refused(stranger.get(path)) == (401, "general_unauthorized_scope")


def test_they_end_with_their_file(bucket: Bucket, program: httpx.Client, client: httpx.Client) -> None:
    token = bucket.token()
    assert program.delete(f"{bucket.path}/files/{bucket.files[0]}").status_code == 204
    assert refused(program.get(f"/v1/tokens/{token['$id']}")) == (404, "token_not_found")
    content = {"file": ("a.txt", b"another", "text/plain")}
    program.post(f"{bucket.path}/files", data={"fileId": bucket.files[0]}, files=content).raise_for_status()
    assert refused(bucket.read(client, token["secret"])) == (401, "user_unauthorized")


def test_a_bucket_that_is_switched_off(bucket: Bucket, program: httpx.Client, client: httpx.Client) -> None:
    token = bucket.token()
    program.put(bucket.path, json={"name": "Off", "enabled": False}).raise_for_status()
    assert refused(bucket.read(client, token["secret"])) == (404, "storage_bucket_not_found")


def test_events_have_no_secret(bucket: Bucket, program: httpx.Client, api: ApiServer) -> None:
    token = bucket.token()
    program.patch(f"/v1/tokens/{token['$id']}", json={"expire": later(60)})
    program.delete(f"/v1/tokens/{token['$id']}")

    async def logged() -> list[Any]:
        store = await api.instance.project(api.project)
        assert store is not None
        found = await store.database.read(lambda connection: read_after(connection, 0, 100_000))
        return [each.event for each in found if each.event.parameters == {"tokenId": token["$id"]}]

    events = api.run(logged)
    names = [event.pattern.rpartition(".")[2] for event in events]
    assert names == ["create", "update", "delete"]
    for event in events:
        assert json.loads(event.payload)["secret"] == ""
        assert event.channels == []
