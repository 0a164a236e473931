"""Whatever is cut, delayed and repeated when: each event once or more, in order, and none is missing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import uvloop
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.realtime.conftest import PROJECT, RealtimeServer, reset, running, told_of
from tests.realtime.raw_client import RawClient, frame, raw_client
from tests.store.samples import event

ID = "66f0c2a1b3d4e5f60718"
PONG = b'{"type":"pong"}'
ROUNDS = 3
"""Begun in one step."""
MOMENT = 0.005
"""In which what a client sent is with the server."""


def _steps(*of_client: str) -> st.SearchStrategy[list[tuple[str, int]]]:
    simple = ["come back", "move", "answer pings", "begin rounds", *of_client]
    return st.lists(
        st.one_of(
            st.tuples(st.just("publish"), st.integers(1, 150)),
            st.tuples(st.just("publish for others"), st.integers(1, 150)),
            st.tuples(st.just("read"), st.integers(1, 200)),
            st.tuples(st.sampled_from(simple), st.just(0)),
        ),
        max_size=30,
    )


class Client:
    """Reads when it is told to, answers pings only when it is told to, and never says goodbye."""

    headers: Mapping[str, str] = {}

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self.received: list[int] = []
        self._stack = stack
        self._raw: RawClient | None = None
        self._unanswered: list[bytes] = []
        self._on_this: list[int] = []
        self._answers = False
        self.may_wait = True
        """Whether rounds may pass before it answers.

        Who answers nothing on a connection for ``realtime_overlap_seconds`` is taken for a client that never
        does, and what has arrived at its machine is not sent again. So no second step of rounds passes
        before the first answer.
        """

    async def connect(self, server: RealtimeServer) -> None:
        """Come, or come back: what was on the way is lost."""
        if self._raw is not None:
            reset(self._raw.writer)
        self._raw = await self._stack.enter_async_context(raw_client(server, **self.headers))
        await self._raw.message()
        row = {"subscriptionId": ID, "channels": ["files"], "queries": []}
        self._raw.say(json.dumps({"type": "subscribe", "data": [row]}))
        answer = json.loads(await self._raw.message())
        assert told_of(answer, ID).get("recovered") is not False
        self._unanswered.clear()
        self._on_this.clear()
        self._answers, self.may_wait = False, True

    async def read_until(self, offset: int) -> None:
        """Read events up to one."""
        assert self._raw is not None
        while not self._on_this or self._on_this[-1] < offset:
            part = await self._raw.frame()
            if part.opcode == 9:
                self._unanswered.append(part.data)
                continue
            assert part.final
            if part.data == PONG:
                continue
            self._on_this.append(json.loads(part.data)["data"]["offset"])
            assert self._on_this == sorted(set(self._on_this)), "once a connection, and in order"
            self._take(self._on_this[-1])

    def _take(self, offset: int) -> None:
        self.received.append(offset)

    def due(self, wanted: list[int]) -> list[int]:
        """What is yet to come on this connection, at least."""
        latest = max(self._on_this[-1:] + self.received[-1:], default=0)
        return [offset for offset in wanted if offset > latest]

    def wait(self) -> None:
        """Let rounds pass."""
        self.may_wait = self._answers

    def answer(self) -> None:
        """Answer the pings that were read."""
        assert self._raw is not None
        if self._unanswered:
            self._raw.send(*(frame(10, ping) for ping in self._unanswered))
            self._answers = self.may_wait = True
        self._unanswered.clear()


class Page(Client):
    """A page and its browser: the browser reads and answers pings, the page takes what it has when it runs.

    A page that runs takes everything, but it may say something first. What it did not take when the
    connection breaks is lost.
    """

    headers: Mapping[str, str] = {"origin": "http://localhost"}

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        super().__init__(stack)
        self._held: list[int] = []
        self._has_said = False

    async def connect(self, server: RealtimeServer) -> None:
        self._held.clear()
        await super().connect(server)

    def _take(self, offset: int) -> None:
        self._held.append(offset)

    def take(self) -> None:
        """Run, and take what the browser has."""
        self.received += self._held
        self._held.clear()
        self._has_said = False

    def say(self) -> None:
        """Run, and say something first: then what the browser has is taken before anything is said again."""
        if self._has_said:
            self.take()
        assert self._raw is not None
        self._raw.say('{"type":"ping"}')
        self._has_said = True


async def _commit(servers: list[RealtimeServer], count: int, channel: str) -> list[int]:
    store = await servers[0].instance.project(PROJECT)
    assert store is not None
    events = [event(number, channels=[channel]) for number in range(count)]
    offsets = await store.database.write(
        lambda transaction: [transaction.append(each).offset for each in events]
    )
    for server in servers[1:]:
        server.realtime.wake(PROJECT)
    return offsets


async def _play(steps: list[tuple[str, int]], directory: Path, kind: type[Client]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(running(directory)) for _ in range(2)]
        client = kind(await stack.enter_async_context(contextlib.AsyncExitStack()))
        at, wanted = 0, []
        await client.connect(servers[at])
        for step, number in [*steps, ("come back", 0)]:
            if step.startswith("publish"):
                offsets = await _commit(servers, number, "files" if step == "publish" else "others")
                wanted += offsets if step == "publish" else []
            elif step == "read" and client.due(wanted):
                due = client.due(wanted)
                await client.read_until(due[min(number, len(due)) - 1])
            elif step == "answer pings":
                client.answer()
                await asyncio.sleep(MOMENT)
            elif step == "begin rounds" and client.may_wait:
                client.wait()
                for server in servers * ROUNDS:
                    for room in server.realtime.projects.by_id.values():
                        if room.hub.recovery is not None:
                            room.hub.recovery.positions.begin_round()
            elif step == "browser":
                if client.due(wanted):
                    await client.read_until(wanted[-1])
                client.answer()
                await asyncio.sleep(MOMENT)
            elif step == "say":
                assert isinstance(client, Page)
                client.say()
                await asyncio.sleep(MOMENT)
            elif step == "take":
                assert isinstance(client, Page)
                client.take()
            elif step in {"come back", "move"}:
                at = at if step == "come back" else 1 - at
                await _settled(servers)
                await client.connect(servers[at])
        if client.due(wanted):
            await client.read_until(wanted[-1])
        if isinstance(client, Page):
            client.take()
        # What was received again and again counts where it came first.
        assert list(dict.fromkeys(client.received)) == wanted


async def _settled(servers: list[RealtimeServer]) -> None:
    """Let what is kept be written: another process is asked next."""
    for server in servers:
        for room in server.realtime.projects.by_id.values():
            assert room.hub.recovery is not None
            await room.hub.recovery.positions.written()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_steps())
def test_interleavings(steps: list[tuple[str, int]]) -> None:
    _run(steps, Client)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_steps("browser", "browser", "say", "say", "take"))
@example(steps=[("publish", 3), ("browser", 0), *[("begin rounds", 0)] * 2, ("say", 0), ("come back", 0)])
def test_interleavings_of_a_page(steps: list[tuple[str, int]]) -> None:
    _run(steps, Page)


def _run(steps: list[tuple[str, int]], kind: type[Client]) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        loop.run(_play(steps, Path(directory), kind))
