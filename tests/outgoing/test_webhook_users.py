"""What webhooks are told of people: who acts, by which session, and secrets where they ask for them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from tests.outgoing.conftest import Post
from tests.support.receiver import Received, Receiver, answer, receiving
from tests.support.server import TidewireServer
from tidewire.core.events import Event
from tidewire.core.time import now
from tidewire.store.engine.database import Transaction
from tidewire.store.records.event_secrets import keep_secret
from tidewire.store.schema import event_secrets
from tidewire.store.upkeep.maintenance import maintain_project
from tidewire.store.upkeep.outbox import Outbox
from tidewire.store.upkeep.purging import purge, request_purge

PASSWORD = "correct horse battery"
RECOVERY = "users.*.recovery.*"
VERIFICATION = "users.*.verification.*.create"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TidewireServer]:
    environment = {"TIDEWIRE_RATE_LIMITS": "off", "TIDEWIRE_OUTBOUND_ALLOWED_HOSTS": "127.0.0.1"}
    made = TidewireServer(tmp_path / "data", ["--drain-seconds", "0.1"], environment)
    await asyncio.to_thread(made.start)
    yield made
    assert await asyncio.to_thread(made.stop) == 0


class Project:
    """A project of a running server, its webhooks and a person in it."""

    def __init__(self, server: TidewireServer, key: str) -> None:
        self.named = {"X-Appwrite-Project": server.project}
        self.program = httpx.AsyncClient(
            base_url=server.endpoint, headers={**self.named, "X-Appwrite-Key": key}, timeout=30
        )
        self.person = httpx.AsyncClient(base_url=server.endpoint, headers=self.named, timeout=30)

    async def hook(self, webhook_id: str, receiver: Receiver, *events: str) -> None:
        body = {"webhookId": webhook_id, "name": "w", "url": receiver.url(f"/{webhook_id}"), "events": events}
        await call(self.program, "POST", "/webhooks", body)


@pytest.fixture
async def project(server: TidewireServer) -> AsyncIterator[Project]:
    scopes = "webhooks.write,users.read,users.write,realtime.read"
    made = Project(server, await asyncio.to_thread(server.create_key, scopes))
    async with made.program, made.person:
        yield made


async def call(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    response = await client.request(method, path, json=body)
    assert response.is_success, response.text
    return response.json() if response.content else None


async def sign_up(project: Project, name: str = "ada") -> None:
    address = f"{name}@example.com"
    await call(project.person, "POST", "/account", {"userId": name, "email": address, "password": PASSWORD})
    login = {"email": address, "password": PASSWORD}
    await call(project.person, "POST", "/account/sessions/email", login)


def of(requests: list[Received], webhook_id: str, pattern: str) -> list[Received]:
    """What a webhook got of events whose exact name has this middle and end."""
    middle, _, action = pattern.rpartition(".")
    found = []
    for request in requests:
        words = request.headers["x-appwrite-webhook-events"].split(",")[0].split(".")
        named = (words[2] if len(words) > 3 else "", words[-1])
        if request.target == f"/{webhook_id}" and named == (middle, action):
            found.append(request)
    return found


async def test_who_acts_is_told_also_of_those_who_are_not_signed_in(project: Project) -> None:
    async with receiving() as receiver:
        await project.hook("all", receiver, "users.*")
        await sign_up(project)
        recovery = {"email": "ada@example.com", "url": "http://localhost/recover"}
        async with httpx.AsyncClient(base_url=project.person.base_url, headers=project.named) as guest:
            await call(guest, "POST", "/account/recovery", recovery)
        await call(project.program, "POST", "/users", {"userId": "bob"})
        requests = await receiver.received(4)
    acting = {
        request.headers["x-appwrite-webhook-events"].split(",")[0].split(".")[1:3:2][0]
        + "/"
        + request.headers["x-appwrite-webhook-user-id"]
        for request in requests
    }
    assert acting == {"ada/ada", "bob/"}
    assert len(of(requests, "all", "recovery.create")) == 1


async def test_the_current_session_is_the_one_that_acts(project: Project) -> None:
    async with receiving() as receiver:
        await project.hook("sessions", receiver, "users.*.sessions.*")
        await sign_up(project)
        elsewhere = httpx.AsyncClient(base_url=project.person.base_url, headers=project.named, timeout=30)
        async with elsewhere:
            login = {"email": "ada@example.com", "password": PASSWORD}
            other = await call(elsewhere, "POST", "/account/sessions/email", login)
        made = await call(project.program, "POST", "/users/ada/sessions", {})
        await call(project.person, "DELETE", f"/account/sessions/{other['$id']}")
        await call(project.program, "DELETE", f"/users/ada/sessions/{made['$id']}")
        await call(project.person, "DELETE", "/account/sessions/current")
        requests = await receiver.received(6)
    created = [request.json["current"] for request in of(requests, "sessions", "sessions.create")]
    deleted = [request.json["current"] for request in of(requests, "sessions", "sessions.delete")]
    assert created == [True, True, False]
    assert deleted == [False, False, True]
    assert all(request.json["secret"] == "" for request in requests)


async def test_secrets_go_to_webhooks_that_name_their_events_and_to_nobody_else(
    project: Project, server: TidewireServer, tmp_path: Path
) -> None:
    link = {"url": "http://localhost/verify"}
    async with receiving() as receiver:
        await project.hook("all", receiver, "users.*")
        await sign_up(project)
        # Nobody asks for secrets yet: none is kept.
        await call(project.person, "POST", "/account/verifications/email", link)
        await receiver.received(3)
        await project.hook("secrets", receiver, VERIFICATION, RECOVERY)
        answered = await call(project.person, "POST", "/account/verifications/email", link)
        await call(
            project.person,
            "POST",
            "/account/recovery",
            {"email": "ada@example.com", "url": "http://localhost/recover"},
        )
        requests = await receiver.received(7)
        (asked,) = of(requests, "secrets", "verification.create")
        (recovery,) = of(requests, "secrets", "recovery.create")
        secrets = [asked.json["secret"], recovery.json["secret"]]
        assert all(len(secret) >= 32 for secret in secrets)
        assert answered["secret"] == ""
        unasked = [*of(requests, "all", "verification.create"), *of(requests, "all", "recovery.create")]
        assert [request.json["secret"] for request in unasked] == ["", "", ""]
        # The log tells them to nobody, nor is it kept readable beside it.
        log = await call(project.program, "GET", "/realtime/events?since=0&channels[]=account.ada")
        told = msgspec.json.encode(log)
        stored = "".join(
            str(row)
            for path in (tmp_path / "data").rglob("*")
            if path.is_file() and path.read_bytes().startswith(b"SQLite format 3")
            for table in ("event_log", "event_secrets", "tokens", "audit_log")
            for row in rows(path, table)
        )
        assert b"verification" in told
        assert "recovery" in stored
        for secret in secrets:
            assert secret.encode() not in told
            assert secret not in stored
        # They are good for what they are for.
        proof = {"userId": "ada", "secret": secrets[0]}
        await call(project.person, "PUT", "/account/verifications/email", proof)
        new = {"userId": "ada", "secret": secrets[1], "password": "another good one"}
        await call(project.person, "PUT", "/account/recovery", new)
        count = 10
        # The two webhooks do not wait for each other.
        while not (of(requests, "secrets", "recovery.update") and of(requests, "all", "verification.update")):
            requests, count = await receiver.received(count), count + 1
        (used,) = of(requests, "secrets", "recovery.update")
        assert used.json["secret"] == secrets[1]
        assert used.headers["x-appwrite-webhook-user-id"] == "ada"
        assert [each.json["secret"] for each in of(requests, "all", "verification.update")] == [""]


def rows(path: Path, table: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return connection.execute(f"SELECT * FROM {table}").fetchall() if known else []


async def publish(post: Post, expires_at: int) -> None:
    event = Event(
        pattern="users.[userId].verification.[tokenId].create",
        parameters={"userId": "ada", "tokenId": "t"},
        channels=[],
        roles=[],
        payload=b'{"$id":"t","userId":"ada"}',
        timestamp=now(),
        user_id="ada",
    )

    def unit(transaction: Transaction) -> None:
        sealed = post.instance.encryption.seal("the secret")
        offset = transaction.append(event).offset
        keep_secret(transaction.connection, offset, "ada", sealed, expires_at)

    await post.write(unit)


async def kept(post: Post) -> int:
    count = select(func.count()).select_from(event_secrets)
    return await (await post.database()).read(lambda connection: connection.scalar(count) or 0)


async def test_a_secret_that_expired_is_not_delivered_and_goes(post: Post) -> None:
    async with receiving() as receiver:
        await post.webhook(receiver.url(), [VERIFICATION])
        await publish(post, now() - 1)
        await publish(post, now() + 60_000)
        async with post.delivering():
            requests = await receiver.received(2)
    assert [request.json["secret"] for request in requests] == ["", "the secret"]
    store = await post.instance.project(post.project_id)
    assert store is not None
    await maintain_project(store, post.settings)
    assert await kept(post) == 1
    # Its event is trimmed away: the secret with it.
    await maintain_project(store, msgspec.structs.replace(post.settings, event_log_max_bytes=1))
    assert await kept(post) == 0


async def test_the_secrets_of_a_deleted_user_go_at_once(post: Post) -> None:
    await publish(post, now() + 60_000)
    assert await kept(post) == 1
    await post.write(lambda transaction: request_purge(transaction.connection, "ada", []))
    assert await kept(post) == 0


async def test_what_waits_when_a_user_is_deleted_goes_out_without_the_person(post: Post) -> None:
    """Also what was read for delivery before."""
    database = await post.database()

    event = Event(
        pattern="users.[userId].update",
        parameters={"userId": "ada"},
        channels=[],
        roles=[],
        payload=b'{"$id":"ada","name":"Ada Lovelace"}',
        timestamp=now(),
        user_id="ada",
    )

    async def delete_ada(request: Received) -> bytes:
        if len(receiver.requests) == 1:
            await post.write(lambda transaction: request_purge(transaction.connection, "ada", []))
            await purge(database, Outbox(post.settings.data_dir), "ada")
        return answer()

    async with receiving(delete_ada) as receiver:
        await post.webhook(receiver.url(), ["users.*.update"])
        await post.write(lambda transaction: [transaction.append(event) for _ in range(3)] and None)
        async with post.delivering():
            requests = await receiver.received(3)
    assert [request.json for request in requests] == [
        {"$id": "ada", "name": "Ada Lovelace"},
        {"$id": "ada"},
        {"$id": "ada"},
    ]
