"""``kill -9`` amid writes of many rows, commits and changes of tables: all or nothing, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import TidewireServer

ROWS = "/tablesdb/d/tables/t/rows"
BATCH = 20
ROUNDS = 4
WAIT_SECONDS = 120


@dataclass
class Batches:
    """Batches of rows, by the name that all rows of one share."""

    attempted: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path) -> TidewireServer:
    return TidewireServer(tmp_path / "data").start()


def client_of(server: TidewireServer, key: str) -> httpx.Client:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    return httpx.Client(base_url=server.endpoint, headers=headers, timeout=120)


def make_table(client: httpx.Client) -> None:
    columns = [{"key": "batch", "type": "varchar", "size": 50}, {"key": "number", "type": "integer"}]
    assert client.post("/tablesdb", json={"databaseId": "d", "name": "D"}).status_code == 201
    table = {"tableId": "t", "name": "T", "columns": columns}
    assert client.post("/tablesdb/d/tables", json=table).status_code == 201


async def write_batches(server: TidewireServer, key: str, batches: Batches, name: str) -> None:
    """Write rows, by turns at once and in transactions, until the server is gone."""
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=120) as client:
        number = 0
        while True:
            number += 1
            batch = f"{name}-{number}"
            data = [{"$id": f"{batch}.{each}", "batch": batch, "number": each} for each in range(BATCH)]
            batches.attempted.append(batch)
            try:
                write = commit if number % 2 else create
                await write(client, data)
            except httpx.TransportError:
                return
            batches.acknowledged.append(batch)


async def create(client: httpx.AsyncClient, data: list[dict[str, Any]]) -> None:
    answer = await client.post(ROWS, json={"rows": data})
    assert answer.status_code == 201, answer.text


async def commit(client: httpx.AsyncClient, data: list[dict[str, Any]]) -> None:
    begun = (await client.post("/tablesdb/transactions", json={})).json()
    path = f"/tablesdb/transactions/{begun['$id']}"
    operations = [
        {"action": "create", "databaseId": "d", "tableId": "t", "rowId": row["$id"], "data": row}
        for row in data
    ]
    staged = await client.post(f"{path}/operations", json={"operations": operations})
    assert staged.status_code == 201, staged.text
    ended = await client.patch(path, json={"commit": True})
    assert ended.status_code == 200, ended.text


async def test_many_rows_are_written_whole_or_not_at_all(server: TidewireServer) -> None:
    key, batches, chance = server.create_key(), Batches(), random.Random(3)
    with client_of(server, key) as client:
        make_table(client)
    for number in range(ROUNDS):
        known = len(batches.acknowledged)
        writing = [
            asyncio.create_task(write_batches(server, key, batches, f"{number}-{writer}")) for writer in "ab"
        ]
        await until(lambda known=known: len(batches.acknowledged) > known + 1)
        await asyncio.sleep(chance.uniform(0, 0.3))
        server.kill()
        await asyncio.gather(*writing)
        server.start()
        await asyncio.to_thread(check, server, batches)
    assert server.stop() == 0


def check(server: TidewireServer, batches: Batches) -> None:
    """Compare the table and the event log with each other and with what was acknowledged."""
    logged = rows_logged(server)
    listed = rows_listed(server)
    assert sorted(logged) == sorted(listed)
    counts: dict[str, int] = {}
    for row_id in listed:
        batch = row_id.rpartition(".")[0]
        counts[batch] = counts.get(batch, 0) + 1
    assert set(counts.values()) <= {BATCH}
    assert set(batches.acknowledged) <= counts.keys() <= set(batches.attempted)


def database_of(server: TidewireServer) -> sqlite3.Connection:
    database = server.data_dir / "projects" / server.project / "database.sqlite3"
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True)


def rows_logged(server: TidewireServer) -> list[str]:
    statement = (
        "SELECT json_extract(payload, '$.\"$id\"') FROM event_log WHERE pattern LIKE '%.rows.[rowId].create'"
    )
    with database_of(server) as connection:
        return [row[0] for row in connection.execute(statement)]


def rows_listed(server: TidewireServer) -> list[str]:
    with client_of(server, server.create_key()) as client:
        queries = ['{"method":"limit","values":[5000]}', '{"method":"select","values":["$id"]}']
        found: list[str] = []
        while True:
            cursor = [f'{{"method":"cursorAfter","values":["{found[-1]}"]}}'] if found else []
            page = client.get(ROWS, params={"queries[]": [*queries, *cursor]}).json()["rows"]
            if not page:
                return found
            found += [row["$id"] for row in page]


async def until(condition: Any) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


FILLED = 6_000
"""Rows; more than are changed at once."""


def fill(client: httpx.Client) -> None:
    for start in range(0, FILLED, 100):
        data = [{"$id": f"r{each}", "number": each} for each in range(start, start + 100)]
        assert client.post(ROWS, json={"rows": data}).status_code == 201


def settled(client: httpx.Client, path: str) -> dict[str, Any]:
    """A column or an index when it is being made no longer; empty if it is gone."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = client.get(path)
        if answer.status_code == 404:
            return {}
        described: dict[str, Any] = answer.json()
        if described["status"] in {"available", "failed"}:
            return described
        time.sleep(0.05)
    raise AssertionError(f"{path} is still being changed")


def test_changes_of_tables_go_on_after_a_kill(server: TidewireServer) -> None:
    key, chance = server.create_key(), random.Random(5)
    table = "/tablesdb/d/tables/t"
    with client_of(server, key) as client:
        make_table(client)
        fill(client)
    changes = [
        ("POST", "columns/integer", {"key": "added", "required": False, "default": 7}, "columns/added"),
        (
            "POST",
            "columns/varchar",
            {"key": "words", "size": 99, "required": False, "default": "some words"},
            "columns/words",
        ),
        ("POST", "indexes", {"key": "text", "type": "fulltext", "columns": ["words"]}, "indexes/text"),
        ("POST", "indexes", {"key": "order", "type": "key", "columns": ["number"]}, "indexes/order"),
        ("POST", "indexes", {"key": "only", "type": "unique", "columns": ["added"]}, "indexes/only"),
        ("DELETE", "columns/batch", None, "columns/batch"),
    ]
    for method, path, body, described in changes:
        with client_of(server, key) as client:
            answer = client.request(method, f"{table}/{path}", json=body)
            assert answer.status_code in {201, 202, 204}, answer.text
            # It goes on beside the requests.
            assert method == "DELETE" or answer.json()["status"] == "processing"
            time.sleep(chance.uniform(0, 0.05))
        server.kill()
        server.start()
        with client_of(server, key) as client:
            became = settled(client, f"{table}/{described}")
            expected = {"indexes/only": "failed", "columns/batch": None}.get(described, "available")
            assert became.get("status") == expected
            found = client.get(
                ROWS, params={"queries[]": '{"method":"equal","attribute":"number","values":[5999]}'}
            ).json()
            assert [row["$id"] for row in found["rows"]] == ["r5999"]
    assert sorted(rows_listed(server)) == sorted(f"r{each}" for each in range(FILLED))
    with client_of(server, key) as client:
        query = '{"method":"search","attribute":"words","values":["words"]}'
        last = '{"method":"cursorAfter","values":["r5998"]}'
        found = client.get(ROWS, params={"queries[]": [query, last]}).json()["rows"]
        assert [(row["$id"], row["added"], row["words"]) for row in found] == [("r5999", 7, "some words")]
        assert "batch" not in found[0]
    assert server.stop() == 0


def test_changes_of_tables_go_on_after_a_worker_is_killed(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", ["--workers", "2", "--drain-seconds", "0"]).start()
    key, table, ends = server.create_key(), "/tablesdb/d/tables/t", []
    with client_of(server, key) as client:
        make_table(client)
        fill(client)
    for number in range(12):
        if number >= 3 and "processing" in ends:
            break
        name = f"column{number}"
        with client_of(server, key) as client:
            column = {"key": name, "size": 99, "required": False, "default": "some words"}
            answer = client.post(f"{table}/columns/varchar", json=column)
            assert answer.json()["status"] == "processing"
            os.kill(worker_of(server, answer), signal.SIGKILL)
        with client_of(server, key) as client:
            ends.append(client.get(f"{table}/columns/{name}").json()["status"])
            assert settled(client, f"{table}/columns/{name}")["status"] == "available"
    assert "processing" in ends  # a kill came before the end
    assert server.stop() == 0


def worker_of(server: TidewireServer, answer: httpx.Response) -> int:
    """The worker process that has the connection over which this answer came."""
    port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{line[9]}]" for line in lines if line[2].endswith(f":{port:04X}")}
    for worker in server.workers():
        for file in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                if str(file.readlink()) in sockets:
                    return int(worker)
    raise AssertionError("no worker has the connection")
