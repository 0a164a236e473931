"""A run: clients, writers, cuts and kills at the same time, then peace, then the judgement."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.chaos.clients import Program, PythonClients, Streams
from tests.chaos.ledger import Judgement, Ledger, Subscriber, judge
from tests.chaos.log import rows_in_log
from tests.chaos.proxy import CuttingProxy
from tests.support.server import PROGRAM, TidewireServer

SHARDS = 10
WRITERS = 8
CLIENTS_PER_PROGRAM = 60


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    clients: int
    events: int
    cuts: int
    kills: int
    browser: bool = True
    seed: int = 0
    workers: int = 1
    """Processes of the server."""
    patience_seconds: float = 120
    """How long nothing may arrive in the end while something is missing."""


@dataclass
class Outcome:
    """What a run showed."""

    judgements: list[Judgement]
    troubles: Counter[str]
    reconnects: int
    events: int
    deliveries: int

    @property
    def sound(self) -> bool:
        """Every client received what it was entitled to."""
        return all(judgement.sound for judgement in self.judgements)

    @property
    def duplicates(self) -> int:
        """Events that arrived again."""
        return sum(judgement.duplicates for judgement in self.judgements)


Progress = Callable[[str, int, int], None]
"""Is told a phase, how much of it is done, and of how much."""


@dataclass
class Chaos:
    """One run on a server of its own."""

    directory: Path
    size: Size
    progress: Progress
    troubles: Counter[str] = field(default_factory=Counter)

    async def run(self) -> Outcome:
        """Run, and compare what arrived with the log."""
        chance = random.Random(self.size.seed)
        server = TidewireServer(
            self.directory / "data", ["--workers", str(self.size.workers)], program=PROGRAM
        ).start()
        proxy = CuttingProxy(("127.0.0.1", server.port))
        await proxy.start()
        try:
            world = await World.create(server, self.size.clients, chance)
            ledgers = [Ledger(subscriber) for subscriber in world.subscribers]
            endpoint = f"http://127.0.0.1:{proxy.port}/v1"
            programs = self._programs(ledgers)
            for program in programs:
                await program.start(endpoint, server.project, world.channel)
            try:
                await self._until("connecting", lambda: sum(ledger.ready for ledger in ledgers), len(ledgers))
                await self._trouble(server, world, proxy, chance)
                for program in programs:
                    program.heal()
                await self._settle(server, ledgers)
            finally:
                for program in programs:
                    await program.stop()
            log = rows_in_log(server)
            judgements = [judge(ledger, log) for ledger in ledgers]
            reconnects = sum(max(0, ledger.connections - 1) for ledger in ledgers)
            deliveries = sum(len(ledger.receipts) for ledger in ledgers)
            return Outcome(judgements, self.troubles, reconnects, len(log), deliveries)
        finally:
            await proxy.close()
            if server.process:
                server.kill_all()

    def _programs(self, ledgers: list[Ledger]) -> list[Program | PythonClients | Streams]:
        """Of eight clients one is in Python, one a stream, and one of an SDK with its channels in the URL.

        A few live in a browser, the others in Node.
        """
        eighth = len(ledgers) // 8
        by_url = [ledger for ledger in ledgers if ledger.subscriber.session][:eighth]
        rest = [ledger for ledger in ledgers if ledger not in by_url]
        python, streams = ([rest.pop() for _ in range(eighth)] for _ in range(2))
        browser = [rest.pop() for _ in range(min(5, eighth))] if self.size.browser else []
        for ledger in browser:
            ledger.page = True
        programs: list[Program | PythonClients | Streams] = [PythonClients(python), Streams(streams)]
        for script, part in (("chaos_urls.mjs", by_url), ("chaos_browser.mjs", browser)):
            if part:
                programs.append(Program(script, part, self.troubles))
        for start in range(0, len(rest), CLIENTS_PER_PROGRAM):
            part = rest[start : start + CLIENTS_PER_PROGRAM]
            programs.append(Program("chaos.mjs", part, self.troubles))
        return programs

    async def _trouble(
        self, server: TidewireServer, world: World, proxy: CuttingProxy, chance: random.Random
    ) -> None:
        """Write all events while connections are cut and the server is killed, evenly spread over them."""
        writing = asyncio.create_task(world.write(self.size.events))
        steps = [*["cut"] * self.size.cuts, *["kill"] * self.size.kills]
        chance.shuffle(steps)
        for number, step in enumerate(steps):
            due = (number + 1) * self.size.events // (len(steps) + 1)
            await self._until("writing", lambda: len(world.written), self.size.events, enough=due)
            if step == "cut":
                await self._until("writing", lambda: proxy.whole, 1, enough=1)
                self.troubles[proxy.cut(chance)] += 1
            else:
                server.kill_all()
                await asyncio.sleep(chance.uniform(0, 1))
                await asyncio.to_thread(server.start)
                self.troubles["kill -9"] += 1
        await self._until("writing", lambda: len(world.written), self.size.events)
        await writing

    async def _settle(self, server: TidewireServer, ledgers: list[Ledger]) -> None:
        """Wait until everything has arrived, or nothing does any more."""
        log = rows_in_log(server)
        expected = [{row.id for row in log if ledger.subscriber.entitled(row)} for ledger in ledgers]
        wanted = sum(len(each) for each in expected)

        def arrived() -> int:
            pairs = zip(ledgers, expected, strict=True)
            return sum(len(ledger.received() & each) for ledger, each in pairs)

        with suppress(TimeoutError):
            await self._until("settling", arrived, wanted)

    async def _until(
        self, phase: str, done: Callable[[], int], total: int, enough: int | None = None
    ) -> None:
        """Wait until ``done`` reaches ``enough``. Raises :class:`TimeoutError` when it moves no more."""
        last, moved = -1, time.monotonic()
        while (count := done()) < (total if enough is None else enough):
            if count != last:
                last, moved = count, time.monotonic()
            if time.monotonic() - moved > self.size.patience_seconds:
                raise TimeoutError(f"{phase}: {count} of {total}")
            self.progress(phase, count, total)
            await asyncio.sleep(0.05 if total < 10_000 else 0.3)
        self.progress(phase, done(), total)


@dataclass
class World:
    """A table whose rows are for everybody, for one user or for one team, and who subscribes to it."""

    server: TidewireServer
    key: str
    subscribers: list[Subscriber]
    audiences: list[str]
    chance: random.Random
    channel: str = "tablesdb.chaos.tables.events.rows"
    written: list[str] = field(default_factory=list)

    @classmethod
    async def create(cls, server: TidewireServer, clients: int, chance: random.Random) -> World:
        """Set everything up over REST."""
        key = await asyncio.to_thread(server.create_key)
        async with cls._rest(server, key) as rest:
            await _post(rest, "/tablesdb", {"databaseId": "chaos", "name": "Chaos"})
            column = {"key": "shard", "type": "integer", "required": True}
            table = {"tableId": "events", "name": "Events", "rowSecurity": True, "columns": [column]}
            await _post(rest, "/tablesdb/chaos/tables", table)
            await _post(rest, "/teams", {"teamId": "crew", "name": "Crew"})
            subscribers = [await _subscriber(rest, number, chance) for number in range(clients)]
        users = sorted(role for each in subscribers for role in each.roles if role.startswith("user:"))
        return cls(server, key, subscribers, ["team:crew", "users", *users], chance)

    async def write(self, count: int) -> None:
        """Write ``count`` rows, again if the server was killed before it answered."""
        numbers = iter(range(count))
        async with self._rest(self.server, self.key) as rest:
            await asyncio.gather(*(self._write_each(rest, numbers) for _ in range(WRITERS)))

    async def _write_each(self, rest: httpx.AsyncClient, numbers: Iterator[int]) -> None:
        for number in numbers:
            audience = self.chance.choice(("any", "any", "any", self.chance.choice(self.audiences)))
            row_id = f"row{number}"
            body = {
                "rowId": row_id,
                "data": {"shard": self.chance.randrange(SHARDS)},
                "permissions": [f'read("{audience}")'],
            }
            while True:
                try:
                    response = await rest.post("/tablesdb/chaos/tables/events/rows", json=body)
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
                    continue
                # 409: it was written before the server was killed, and only the answer was lost.
                assert response.status_code in {201, 409}, response.text
                break
            self.written.append(row_id)

    @staticmethod
    def _rest(server: TidewireServer, key: str) -> httpx.AsyncClient:
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
        return httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=60)


async def _subscriber(rest: httpx.AsyncClient, number: int, chance: random.Random) -> Subscriber:
    """Guests, users, and users in the team; most ask for one shard."""
    name = f"client{number}"
    shard = None if number % 10 == 0 else chance.randrange(SHARDS)
    if number % 4 == 0:
        return Subscriber(name, frozenset({"any", "guests"}), "", shard)
    user = await _post(rest, "/users", {"userId": f"user{number}", "name": name})
    session = await _post(rest, f"/users/user{number}/sessions", {})
    roles = {"any", "users", f"user:{user['$id']}"}
    if number % 3 == 0:
        await _post(rest, "/teams/crew/memberships", {"userId": user["$id"], "roles": []})
        roles.add("team:crew")
    return Subscriber(name, frozenset(roles), str(session["secret"]), shard)


async def _post(rest: httpx.AsyncClient, path: str, body: dict[str, object]) -> dict[str, object]:
    response = await rest.post(path, json=body)
    response.raise_for_status()
    return dict(response.json())
