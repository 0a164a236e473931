"""Programs full of real clients, whose receipts are kept in ledgers."""

from __future__ import annotations

import asyncio
import json
import random
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.ledger import Ledger, Receipt
from tidewire_client import Event, Realtime

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
        self._stopped = False

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
        if self._script != "chaos_browser.mjs":
            self._process.stdin.close()
        self._reader = asyncio.create_task(self._read())

    def heal(self) -> None:
        """No more troubles that the program makes itself."""
        assert self._process
        assert self._process.stdin
        if not self._process.stdin.is_closing():
            self._process.stdin.write(b"\n")

    async def stop(self) -> None:
        """End the program. Raises what went wrong with it."""
        self._stopped = True
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
                assert line["ready"], f"{line['client']} is a guest"
                ledger.ready = True
            else:
                ledger.connections = line["connection"]
        assert self._stopped, f"{self._script} ended by itself"


class _Tasks:
    """Clients in this program."""

    def __init__(self, ledgers: list[Ledger]) -> None:
        self._ledgers = ledgers
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, endpoint: str, project: str, channel: str) -> None:
        """Start the clients."""
        for ledger in self._ledgers:
            self._tasks.append(asyncio.create_task(self._listen(ledger, endpoint, project, channel)))

    def heal(self) -> None:
        """They make no troubles."""

    async def stop(self) -> None:
        """End the clients."""
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _listen(self, ledger: Ledger, endpoint: str, project: str, channel: str) -> None:
        """Be one client, for ever."""
        raise NotImplementedError


class PythonClients(_Tasks):
    """Clients of :mod:`tidewire_client`; they drop what comes twice."""

    async def _listen(self, ledger: Ledger, endpoint: str, project: str, channel: str) -> None:
        async with Realtime(endpoint, project, session=ledger.subscriber.session) as realtime:
            subscription = realtime.subscribe(channel, queries=queries(ledger))
            await subscription.active()
            ledger.ready = True
            event: Event[dict[str, Any]]
            async for event in subscription:
                ledger.receipts.append(Receipt(1, event.payload["$id"]))
            assert subscription.gaps == 0


class Streams(_Tasks):
    """Readers of Server-Sent Events, which come back as browsers do: with the last ``id`` that they saw."""

    async def _listen(self, ledger: Ledger, endpoint: str, project: str, channel: str) -> None:
        parameters = {"project": project, "channels[]": channel, "queries[]": queries(ledger)}
        session = ledger.subscriber.session
        headers = {"X-Appwrite-Session": session} if session else {}
        async with httpx.AsyncClient(params=parameters, timeout=60) as client:
            while True:
                with suppress(httpx.TransportError):
                    async with client.stream("GET", f"{endpoint}/realtime/sse", headers=headers) as stream:
                        assert stream.status_code == 200
                        ledger.connections += 1
                        await _read(stream, ledger, headers)
                await asyncio.sleep(random.uniform(0, 1))


async def _read(stream: httpx.Response, ledger: Ledger, headers: dict[str, str]) -> None:
    """Take events until the stream ends; an event counts once it is complete."""
    name = data = ""
    async for line in stream.aiter_lines():
        kind, _, value = line.partition(": ")
        if kind == "id":
            name = value
        elif kind == "data":
            data = value
        elif not line:
            if name:
                headers["Last-Event-ID"] = name
            if data:
                _take(json.loads(data), ledger)
            name = data = ""


def _take(frame: dict[str, Any], ledger: Ledger) -> None:
    if frame.get("type") == "event":
        ledger.receipts.append(Receipt(ledger.connections, frame["data"]["payload"]["$id"]))
    elif frame.get("type") == "response":
        assert all(row["recovered"] for row in frame["data"]["subscriptions"])
    ledger.ready = True


def queries(ledger: Ledger) -> list[str]:
    """What the client asks for, as SDKs write it."""
    shard = ledger.subscriber.shard
    query = {"method": "equal", "attribute": "shard", "values": [shard]}
    return [] if shard is None else [json.dumps(query)]
