"""A data directory that is put back from a copy: whoever kept a place in its event logs is told."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.support.server import TidewireServer
from tidewire_client import Realtime

Place = dict[str, Any]


async def make_teams(server: TidewireServer, key: str, *names: str) -> None:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers) as client:
        for name in names:
            made = await client.post("/teams", json={"teamId": name, "name": name})
            assert made.status_code == 201, made.text


async def events_since(server: TidewireServer, key: str, place: Place | None) -> Place:
    parameters = {"channels[]": "teams", "project": server.project}
    if place is not None:
        parameters |= {"since": place["offset"], "epoch": place["epoch"]}
    headers = {"X-Appwrite-Key": key}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers) as client:
        answer: Place = (await client.get("/realtime/events", params=parameters)).json()
        return answer


async def recovered_over_a_socket(server: TidewireServer, key: str, place: Place) -> bool:
    address = f"{server.realtime}?project={server.project}"
    async with connect(address, additional_headers={"X-Appwrite-Key": key}) as socket:
        await socket.recv()
        since = {"offset": place["offset"], "epoch": place["epoch"]}
        row = {"subscriptionId": "mine", "channels": ["teams"], "queries": [], "since": since}
        await socket.send(json.dumps({"type": "subscribe", "data": [row]}))
        answer: bool = json.loads(await socket.recv())["data"]["subscriptions"][0]["recovered"]
        return answer


async def recovered_over_a_stream(server: TidewireServer, key: str, place: Place) -> bool:
    headers = {"X-Appwrite-Key": key, "Last-Event-ID": f"{place['epoch']}:{place['offset']}"}
    address = f"{server.endpoint}/realtime/sse?project={server.project}&channels[]=teams"
    async with httpx.AsyncClient() as client, client.stream("GET", address, headers=headers) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: ") and '"recovered"' in line:
                return '"recovered":true' in line
    raise AssertionError("the stream ended without a word")


def copied(backup: Path, data: Path) -> None:
    shutil.rmtree(data)
    shutil.copytree(backup, data)


def one_database_copied(backup: Path, data: Path) -> None:
    name = "projects/default/database.sqlite3"
    shutil.copyfile(backup / name, data / name)


@pytest.mark.parametrize("put_back", [copied, one_database_copied, None])
async def test_who_kept_a_place_is_told(tmp_path: Path, put_back: Any) -> None:
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0"]).start()
    try:
        key = server.create_key()
        await make_teams(server, key, "kept")
        server.stop()
        shutil.copytree(server.data_dir, tmp_path / "backup")
        server.start()
        received: asyncio.Queue[str] = asyncio.Queue()
        gaps: list[object] = []
        async with Realtime(server.endpoint, server.project, key=key) as realtime:
            follower = realtime.subscribe(
                "teams",
                callback=lambda event: received.put_nowait(event.payload["$id"]),
                on_gap=lambda: gaps.append(None),
            )
            await follower.active()
            await make_teams(server, key, "undone")
            assert await received.get() == "undone"
            place = await events_since(server, key, None)
            server.stop()
            if put_back is not None:
                put_back(tmp_path / "backup", server.data_dir)
            server.start()
            await make_teams(server, key, "new")
            true = put_back is None
            told = await events_since(server, key, place)
            assert told["recovered"] is true
            assert (told["epoch"] == place["epoch"]) is true
            assert await recovered_over_a_socket(server, key, place) is true
            assert await recovered_over_a_stream(server, key, place) is true
            async with asyncio.timeout(60):
                while not gaps and received.empty():  # noqa: ASYNC110 - either of two
                    await asyncio.sleep(0.05)
            assert bool(gaps) is not true
    finally:
        server.stop()
