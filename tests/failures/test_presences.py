"""``kill -9`` while people are present: nobody stays so for ever."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from tests.support.server import TidewireServer

PERSON = {"email": "anna@example.com", "password": "correct horse battery"}


async def test_a_restarted_server_ends_what_dead_connections_had_set(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data").start()
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    async with httpx.AsyncClient(base_url=server.endpoint) as client:
        client.headers["X-Appwrite-Project"] = server.project
        await client.post("/account", json={"userId": "anna", **PERSON})
        session = (await client.post("/account/sessions/email", json=PERSON)).headers["set-cookie"]
    cookie = {"Cookie": session.partition(";")[0]}
    async with connect(
        f"{server.realtime}?project={server.project}", additional_headers=cookie, proxy=None
    ) as socket:
        assert json.loads(await socket.recv())["data"]["user"]["$id"] == "anna"
        await socket.send(json.dumps({"type": "presence", "data": {"status": "on", "presenceId": "p"}}))
        assert json.loads(await socket.recv())["data"]["presence"]["$id"] == "p"
        server.kill()
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.endpoint, headers=headers) as client:
            for _ in range(500):
                if (await client.get("/presences/p")).status_code == 404:
                    return
                await asyncio.sleep(0.02)
        raise AssertionError("the presence outlived its connection")
    finally:
        server.stop()
