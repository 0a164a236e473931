"""What a process that does not serve commits reaches subscribers and webhooks of a server that is idle."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import httpx
import pytest
import websockets

from tests.support.receiver import receiving
from tests.support.server import TidewireServer

PROGRAM = """
import asyncio, os, signal, sys
from tidewire.cli.instance import opened
from tidewire.core.events import Event
from tidewire.core.time import now
from tidewire.settings import Settings

async def main(directory, file, killed):
    event = Event(
        pattern="buckets.[bucketId].files.[fileId].create",
        parameters={"bucketId": "b", "fileId": file},
        channels=["files"],
        roles=["any"],
        payload=b'{"$id":"%s"}' % file.encode(),
        timestamp=now(),
    )
    async with opened(Settings(data_dir=directory)) as stores:
        store = await stores.project("default")
        if killed:
            stores.on_commit = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        await store.database.write(lambda transaction: transaction.append(event))

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] == "killed"))
"""


async def commit(server: TidewireServer, file: str, *, killed: bool) -> None:
    """Write an event in a process of its own, which may be killed between its commit and the ring."""
    arguments = ["-c", PROGRAM, str(server.data_dir), file, "killed" if killed else ""]
    program = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    assert await program.wait() == (-signal.SIGKILL if killed else 0)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_they_reach_subscribers_and_webhooks(tmp_path: Path, workers: str) -> None:
    environment = {"TIDEWIRE_RATE_LIMITS": "off", "TIDEWIRE_OUTBOUND_ALLOWED_HOSTS": "127.0.0.1"}
    server = TidewireServer(tmp_path / "data", ["--workers", workers, "--drain-seconds", "0.1"], environment)
    await asyncio.to_thread(server.start)
    address = f"{server.realtime}?project={server.project}&channels[]=files"
    try:
        key = await asyncio.to_thread(server.create_key, "webhooks.write")
        async with receiving() as receiver, httpx.AsyncClient(base_url=server.endpoint) as client:
            webhook = {
                "webhookId": "w",
                "name": "w",
                "url": receiver.url(),
                "events": ["buckets.*.files.*.create"],
            }
            headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
            created = await client.post("/webhooks", json=webhook, headers=headers)
            assert created.status_code == 201, created.text
            async with websockets.connect(address) as one, websockets.connect(address) as another:
                for connection in (one, another):
                    assert json.loads(await connection.recv())["type"] == "connected"
                for file, killed in (("f1", False), ("f2", True), ("f3", False), ("f4", True)):
                    await commit(server, file, killed=killed)
                    for connection in (one, another):
                        frame = json.loads(await asyncio.wait_for(connection.recv(), 30))
                        assert frame["data"]["payload"]["$id"] == file
            requests = await receiver.received(4)
            assert [request.json["$id"] for request in requests] == ["f1", "f2", "f3", "f4"]
    finally:
        assert await asyncio.to_thread(server.stop) == 0
