"""A webhook is changed, and something happens right after the answer: then the new record counts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.receiver import Received, Receiver, receiving
from tests.support.server import TidewireServer

ROUNDS = 12


@pytest.fixture(params=["1", "2"])
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A program with all rights on a server of one process, and of two."""
    environment = {"TIDEWIRE_RATE_LIMITS": "off", "TIDEWIRE_OUTBOUND_ALLOWED_HOSTS": "127.0.0.1"}
    arguments = ["--workers", request.param, "--drain-seconds", "0.1"]
    server = TidewireServer(tmp_path / "data", arguments, environment)
    await asyncio.to_thread(server.start)
    try:
        key = await asyncio.to_thread(server.create_key, "webhooks.write,buckets.write")
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
        async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=30) as made:
            yield made
    finally:
        assert await asyncio.to_thread(server.stop) == 0


async def call(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    response = await client.request(method, path, json=body)
    assert response.is_success, response.text
    return response.json() if response.content else None


async def cause_event(client: httpx.AsyncClient) -> str:
    bucket = uuid.uuid4().hex[:20]
    # A connection of its own, so that any of the workers may take it.
    async with httpx.AsyncClient(base_url=client.base_url, headers=client.headers, timeout=30) as another:
        await call(another, "POST", "/storage/buckets", {"bucketId": bucket, "name": "b"})
    return bucket


def is_signed_with(secret: str, request: Received, url: str) -> bool:
    digest = hmac.new(secret.encode(), url.encode() + request.body, hashlib.sha1).digest()
    return request.headers["x-appwrite-webhook-signature"] == base64.b64encode(digest).decode()


async def test_what_happens_after_a_change_goes_by_the_new_record(client: httpx.AsyncClient) -> None:
    async with receiving() as receiver:
        hook = {"name": "w", "url": receiver.url("/0"), "events": ["buckets.*.create"]}
        await call(client, "POST", "/webhooks", {**hook, "webhookId": "w"})
        secrets: list[str] = []
        rounds: dict[str, int] = {}
        for number in range(ROUNDS):
            changed = {
                **hook,
                "url": receiver.url(f"/{number}"),
                "authUsername": f"u{number}",
                "authPassword": f"p{number}",
            }
            await call(client, "PUT", "/webhooks/w", changed)
            secrets.append((await call(client, "PATCH", "/webhooks/w/secret"))["secret"])
            rounds[await cause_event(client)] = number
        for request in await receiver.received(ROUNDS):
            own = rounds.pop(request.json["$id"])
            # The record as it stood when the event was committed, or later.
            used = int(request.target.removeprefix("/"))
            assert used >= own
            login = base64.b64encode(f"u{used}:p{used}".encode()).decode()
            assert request.headers["authorization"] == f"Basic {login}"
            url = receiver.url(request.target)
            assert any(is_signed_with(secret, request, url) for secret in secrets[own:])
        assert not rounds


async def test_who_is_taken_out_gets_nothing_of_what_happens_afterwards(client: httpx.AsyncClient) -> None:
    async with receiving() as receiver:
        for number in range(ROUNDS):
            hook = {"name": "w", "url": receiver.url(), "events": ["buckets.*.create"]}
            created = await call(client, "POST", "/webhooks", {**hook, "webhookId": f"w{number}"})
            path = f"/webhooks/{created['$id']}"
            heard = await cause_event(client)
            await received(receiver, heard)
            match number % 3:
                case 0:
                    await call(client, "DELETE", path)
                case 1:
                    await call(client, "PUT", path, {**hook, "enabled": False})
                case _:
                    await call(client, "PUT", path, {**hook, "events": ["users.*.create"]})
            unheard = await cause_event(client)
            # What comes to another webhook after it shows that it would have come.
            witness = {**hook, "events": ["buckets.*.create"], "webhookId": f"x{number}"}
            await call(client, "POST", "/webhooks", witness)
            await received(receiver, await cause_event(client))
            await call(client, "DELETE", f"/webhooks/x{number}")
            assert unheard not in {request.json["$id"] for request in receiver.requests}


async def received(receiver: Receiver, bucket: str) -> None:
    async with asyncio.timeout(30):
        while bucket not in {request.json["$id"] for request in receiver.requests}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
