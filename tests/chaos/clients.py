"""Programs full of real clients, whose receipts are kept in ledgers."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chaos.ledger import Ledger, Receipt
from tidewire.client import Event, Realtime

JAVASCRIPT = Path(__file__).parents[1] / "javascript"
_LINE_BYTES = 1024 * 1024


class Program:
    """A Node program with many clients."""

    def __init__(self, script: str, ledgers: list[Ledger], troubles: Counter[str]) -> None:
        self._script = script
        self._ledgers = {ledger.subscriber.name: ledger for ledger in ledgers}
        self._troubles = troubles
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self, endpoint: str, project: str, channel: str) -> None:
        """Start the program and its clients."""
        described = [
            {
                "name": ledger.subscriber.name,
                "session": ledger.subscriber.session,
                "queries": queries(ledger),
            }
            for ledger in self._ledgers.values()
        ]
        config = {"endpoint": endpoint, "project": project, "channel": channel, "clients": described}
        self._process = await asyncio.create_subprocess_exec(
            "node", self._script, cwd=JAVASCRIPT, stdin=PIPE, stdout=PIPE, limit=_LINE_BYTES
        )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(config).encode() + b"\n")
        await self._process.stdin.drain()
        if self._script == "chaos.mjs":
            self._process.stdin.close()
        self._reader = asyncio.create_task(self._read())

    def heal(self) -> None:
        """No more troubles that the program makes itself."""
        assert self._process
        assert self._process.stdin
        if not self._process.stdin.is_closing():
            self._process.stdin.write(b"\n")

    async def stop(self) -> None:
        """End the program."""
        assert self._process
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        assert self._reader
        await self._reader

    async def _read(self) -> None:
        assert self._process
        assert self._process.stdout
        async for text in self._process.stdout:
            line = json.loads(text)
            if trouble := line.get("trouble"):
                self._troubles[trouble] += 1
                continue
            ledger = self._ledgers[line["client"]]
            if row := line.get("row"):
                ledger.receipts.append(Receipt(line["connection"], row))
            elif "ready" in line:
                ledger.ready = True
            else:
                ledger.connections = line["connection"]


class PythonClients:
    """Clients of :mod:`tidewire.client` in this program; they drop what comes twice."""

    def __init__(self, ledgers: list[Ledger]) -> None:
        self._ledgers = ledgers
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, endpoint: str, project: str, channel: str) -> None:
        """Start the clients."""
        for ledger in self._ledgers:
            self._tasks.append(asyncio.create_task(_listen(ledger, endpoint, project, channel)))

    def heal(self) -> None:
        """They make no troubles."""

    async def stop(self) -> None:
        """End the clients."""
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


async def _listen(ledger: Ledger, endpoint: str, project: str, channel: str) -> None:
    async with Realtime(endpoint, project, session=ledger.subscriber.session) as realtime:
        subscription = realtime.subscribe(channel, queries=queries(ledger))
        await subscription.active()
        ledger.ready = True
        event: Event[dict[str, Any]]
        async for event in subscription:
            ledger.receipts.append(Receipt(1, event.payload["$id"]))
        assert subscription.gaps == 0


def queries(ledger: Ledger) -> list[str]:
    """What the client asks for, as SDKs write it."""
    shard = ledger.subscriber.shard
    query = {"method": "equal", "attribute": "shard", "values": [shard]}
    return [] if shard is None else [json.dumps(query)]
