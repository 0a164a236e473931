"""Several clients and several worker processes write the same rows: no change is lost, none is half done."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.server import TidewireServer

CLIENTS = 6
CHANGES = 8
"""Of each client."""
ROWS = "/tablesdb/bank/tables/accounts/rows"


@dataclass
class Bank:
    """The accounts ``a`` and ``b`` and a counter, on a server with two workers."""

    server: TidewireServer
    headers: dict[str, str]

    @classmethod
    async def open(cls, directory: Path) -> Bank:
        server = TidewireServer(directory / "data", ["--workers", "2"]).start()
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
        bank = cls(server, headers)
        columns = [{"key": "balance", "type": "integer", "required": True}]
        table = {"tableId": "accounts", "name": "Accounts", "columns": columns}
        async with bank.client() as client:
            await post(client, "/tablesdb", {"databaseId": "bank", "name": "Bank"})
            await post(client, "/tablesdb/bank/tables", table)
            for row_id, balance in (("a", 1000), ("b", 1000), ("counter", 0)):
                await post(client, ROWS, {"rowId": row_id, "data": {"balance": balance}})
        return bank

    def client(self) -> httpx.AsyncClient:
        """A client with a connection of its own: the kernel chooses the worker."""
        return httpx.AsyncClient(base_url=self.server.endpoint, headers=self.headers, timeout=120)


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    response = await client.post(path, json=body)
    assert response.status_code == 201, response.text
    return response.json()


async def count(bank: Bank) -> None:
    async with bank.client() as client:
        for _ in range(CHANGES):
            answer = await client.patch(f"{ROWS}/counter/balance/increment", json={})
            assert answer.status_code == 200, answer.text


async def transfer(bank: Bank) -> int:
    """Move 1 from ``a`` to ``b`` by values read within transactions; how many were conflicts."""
    conflicts = done = 0
    async with bank.client() as client:
        while done < CHANGES:
            begun = await post(client, "/tablesdb/transactions", {})
            within = {"transactionId": begun["$id"]}
            for row_id, change in (("a", -1), ("b", 1)):
                row = (await client.get(f"{ROWS}/{row_id}", params=within)).json()
                data = {"balance": row["balance"] + change}
                staged = await client.patch(f"{ROWS}/{row_id}", json={"data": data, **within})
                assert staged.status_code == 200, staged.text
            ended = await client.patch(f"/tablesdb/transactions/{begun['$id']}", json={"commit": True})
            if ended.status_code == 409:
                assert ended.json()["type"] == "transaction_conflict"
                conflicts += 1
                # So that two who always collide do not do so for ever.
                await asyncio.sleep(0.001 * conflicts * (hash(begun["$id"]) % 7))
                continue
            assert ended.status_code == 200, ended.text
            done += 1
    return conflicts


async def look(bank: Bank, ended: asyncio.Event) -> None:
    """Nobody ever sees one account without the other."""
    async with bank.client() as client:
        while not ended.is_set():
            query = '{"method":"equal","attribute":"$id","values":["a","b"]}'
            found = (await client.get(ROWS, params={"queries[]": query})).json()["rows"]
            assert sum(row["balance"] for row in found) == 2000


async def test_no_change_is_lost_among_several_clients_and_workers(tmp_path: Path) -> None:
    bank = await Bank.open(tmp_path)
    ended = asyncio.Event()
    looking = asyncio.create_task(look(bank, ended))
    work = [*(count(bank) for _ in range(CLIENTS)), *(transfer(bank) for _ in range(CLIENTS // 2))]
    await asyncio.gather(*work)
    ended.set()
    await looking
    async with bank.client() as client:
        found = (await client.get(ROWS)).json()["rows"]
    moved = CLIENTS // 2 * CHANGES
    expected = {"a": 1000 - moved, "b": 1000 + moved, "counter": CLIENTS * CHANGES}
    assert {row["$id"]: row["balance"] for row in found} == expected
    assert bank.server.stop() == 0
