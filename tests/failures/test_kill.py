"""``kill -9`` in the middle of uploads: everything acknowledged is there, nothing half-written is visible."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sqlite3
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.server import TidewireServer

CHUNK = 5 * 1024 * 1024
ROUNDS = 5
CLIENTS = 4


@dataclass
class Ledger:
    """What clients were told: file id to the MD5 of its content."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    attempted: dict[str, str] = field(default_factory=dict)


async def upload_forever(server: TidewireServer, key: str, ledger: Ledger, seed: int) -> None:
    """Upload small and chunked files until the server is gone."""
    chance = random.Random(seed)
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=20) as client:
        while True:
            size = chance.choice([1, 5_000, 200_000, CHUNK + 1, 2 * CHUNK + 77])
            try:
                await upload(client, os.urandom(size), ledger)
            except httpx.TransportError:
                return


async def upload(client: httpx.AsyncClient, content: bytes, ledger: Ledger) -> None:
    file_id, md5 = uuid.uuid4().hex[:20], hashlib.md5(content).hexdigest()
    ledger.attempted[file_id] = md5
    for start in range(0, len(content), CHUNK):
        part = content[start : start + CHUNK]
        chunked = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(content)}"}
        response = await client.post(
            "/storage/buckets/kill/files",
            data={"fileId": file_id},
            files={"file": ("data.bin", part)},
            headers={
                **(chunked if len(content) > CHUNK else {}),
                **({"X-Appwrite-ID": file_id} if start else {}),
            },
        )
        assert response.status_code == 201, response.text
    assert response.json()["chunksUploaded"] == response.json()["chunksTotal"]
    ledger.acknowledged[file_id] = md5


async def test_acknowledged_files_survive_and_nothing_half_written_is_visible(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data").start()
    key = server.create_key("buckets.write,files.read,files.write")
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    bucket = {"bucketId": "kill", "name": "Kill"}
    async with httpx.AsyncClient(headers=headers) as client:
        assert (await client.post(f"{server.endpoint}/storage/buckets", json=bucket)).status_code == 201
    ledger = Ledger()
    chance = random.Random(7)
    for round_number in range(ROUNDS):
        uploads = [
            asyncio.create_task(upload_forever(server, key, ledger, round_number * CLIENTS + number))
            for number in range(CLIENTS)
        ]
        enough = len(ledger.acknowledged) + 2  # the kill shall not come before anything has happened
        while len(ledger.acknowledged) < enough and not any(upload.done() for upload in uploads):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(chance.uniform(0, 0.9))
        server.kill()
        await asyncio.gather(*uploads)
        server.start()
        await asyncio.to_thread(check, server, headers, ledger)
    assert len(ledger.acknowledged) > ROUNDS
    assert server.stop() == 0


def check(server: TidewireServer, headers: dict[str, str], ledger: Ledger) -> None:
    """Compare what is listed, downloadable and logged with what was acknowledged."""
    with httpx.Client(base_url=server.endpoint, headers=headers) as client:
        listed = list_files(client)
        assert ledger.acknowledged.items() <= listed.items()
        assert listed.items() <= ledger.attempted.items()
        for file_id, md5 in listed.items():
            content = client.get(f"/storage/buckets/kill/files/{file_id}/download")
            assert content.status_code == 200
            assert hashlib.md5(content.content).hexdigest() == md5
        for file_id in ledger.attempted.keys() - listed.keys():
            assert client.get(f"/storage/buckets/kill/files/{file_id}/download").status_code == 404
    assert sorted(logged_creations(server)) == sorted(listed)


def list_files(client: httpx.Client) -> dict[str, str]:
    found: dict[str, str] = {}
    while True:
        queries = ['{"method":"limit","values":[100]}', f'{{"method":"offset","values":[{len(found)}]}}']
        page = client.get("/storage/buckets/kill/files", params={"queries[]": queries}).json()["files"]
        if not page:
            return found
        found |= {file["$id"]: file["signature"] for file in page}


def logged_creations(server: TidewireServer) -> list[str]:
    """Ids of all files whose creation stands in the event log, straight from the database."""
    database = server.data_dir / "projects" / server.project / "database.sqlite3"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT json_extract(payload, '$.\"$id\"') FROM event_log"
            " WHERE pattern = 'buckets.[bucketId].files.[fileId].create'"
        ).fetchall()
    connection.close()
    return [row[0] for row in rows]
