"""``kill -9`` in the middle of webhook deliveries: nothing is lost, and the order stays."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.receiver import Received, Receiver, answer, receiving
from tests.support.server import TidewireServer

ROUNDS = 4
WEBHOOKS = 3


async def create_buckets(server: TidewireServer, headers: dict[str, str], acknowledged: list[str]) -> None:
    """Cause events until the server is gone."""
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=20) as client:
        while True:
            bucket_id = uuid.uuid4().hex[:20]
            try:
                created = await client.post(
                    "/storage/buckets", json={"bucketId": bucket_id, "name": "Bucket"}
                )
            except httpx.TransportError:
                return
            assert created.status_code == 201, created.text
            acknowledged.append(bucket_id)


def logged_creations(server: TidewireServer) -> list[str]:
    """Ids of all buckets whose creation stands in the event log, in its order."""
    database = server.data_dir / "projects" / server.project / "database.sqlite3"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT json_extract(payload, '$.\"$id\"') FROM event_log"
            " WHERE pattern = 'buckets.[bucketId].create' ORDER BY \"offset\""
        )
        return [row[0] for row in rows]


def received_by(receiver: Receiver, webhook: str) -> list[str]:
    """Ids that a webhook was sent, in order."""
    return [
        request.json["$id"]
        for request in receiver.requests
        if request.headers["x-appwrite-webhook-name"] == webhook
    ]


@pytest.mark.parametrize("workers", [1, 2])
async def test_every_event_arrives_in_order(tmp_path: Path, workers: int) -> None:
    chance = random.Random(workers)

    async def reply(_: Received) -> bytes:
        await asyncio.sleep(chance.uniform(0, 0.02))
        return answer()

    environment = {"TIDEWIRE_RATE_LIMITS": "off", "TIDEWIRE_WEBHOOK_PRIVATE_ADDRESSES": "on"}
    server = TidewireServer(tmp_path / "data", ["--workers", str(workers)], environment)
    async with receiving(reply) as receiver:
        await asyncio.to_thread(server.start)
        key = await asyncio.to_thread(server.create_key, "buckets.write,webhooks.write")
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
        names = [f"hook{number}" for number in range(WEBHOOKS)]
        async with httpx.AsyncClient(headers=headers) as client:
            for name in names:
                webhook = {
                    "webhookId": name,
                    "name": name,
                    "url": receiver.url(),
                    "events": ["buckets.*.create"],
                }
                created = await client.post(f"{server.endpoint}/webhooks", json=webhook)
                assert created.status_code == 201, created.text
        acknowledged: list[str] = []
        for _ in range(ROUNDS):
            creating = [asyncio.create_task(create_buckets(server, headers, acknowledged)) for _ in range(2)]
            enough = len(acknowledged) + 2  # the kill shall not come before anything has happened
            while len(acknowledged) < enough and not any(each.done() for each in creating):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            await asyncio.sleep(chance.uniform(0, 0.7))
            await asyncio.to_thread(server.kill_all)
            await asyncio.gather(*creating)
            await asyncio.to_thread(server.start)
        logged = logged_creations(server)
        assert set(acknowledged) <= set(logged)
        async with asyncio.timeout(180):
            while any(len(set(received_by(receiver, name))) < len(logged) for name in names):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await asyncio.to_thread(server.stop) == 0
    assert len(logged) > ROUNDS
    for name in names:
        received = received_by(receiver, name)
        assert list(dict.fromkeys(received)) == logged
        # Twice comes only what was on its way, or had just arrived, when the server died.
        assert len(received) - len(logged) <= 2 * ROUNDS
