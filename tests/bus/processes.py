"""Processes on a bus, several of them in one: what they are told, and how they break."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from tidewire.bus.contract import Bus
from tidewire.bus.mesh import Mesh
from tidewire.store.machine.processes import LivingProcess


class Process(ABC):
    """A process that greets with its name and keeps what it is told. A kind of bus says how it breaks."""

    bus: Bus
    id: str

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self.told: list[bytes] = []
        self.greeted_by: list[bytes] = []
        self.losses = 0
        self.links: list[object] = []
        """Those that are open to this process."""
        self.rings: list[str] = []
        self.overlookings = 0
        self.asked = asyncio.Event()
        self.gave_up = asyncio.Event()

    def received(self, link: object, frame: bytes) -> None:
        if frame.startswith(b"I am "):
            self.greeted_by.append(frame[5:])
            self.links.append(link)
        elif frame == b"fail":
            raise ValueError
        else:
            assert link in self.links, "nothing is told over a link before the greeting, or after its loss"
            self.told.append(frame)

    def lost(self, link: object) -> None:
        self.links.remove(link)
        self.losses += 1

    def rung(self, project_id: str) -> None:
        self.rings.append(project_id)

    def overlooked(self) -> None:
        self.overlookings += 1

    def greeting(self) -> list[bytes]:
        return [b"I am " + self.name]

    async def answer(self, question: bytes) -> bytes:
        if question == b"fail":
            raise ValueError
        if question == b"wait":
            self.asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.gave_up.set()
        return self.name + b": " + question

    @abstractmethod
    async def die(self) -> None:
        """End as if killed."""

    @abstractmethod
    def cut(self) -> None:
        """Have the connections that this process sends over break off; it lives and connects anew."""

    @abstractmethod
    def stop_reading(self) -> None:
        """Take nothing more of what the others send over the connections that there are."""


class MeshProcess(Process):
    """A process of a data directory."""

    bus: Mesh

    def __init__(self, data_dir: Path, name: str) -> None:
        super().__init__(name)
        self.living = LivingProcess(data_dir)
        self.id = self.living.id
        self.bus = Mesh(data_dir, self.id, self, self.answer, self)

    async def die(self) -> None:
        """The socket's file stays, nobody listens, the lock is given back."""
        file = self.bus._meeting.path / self.id
        kept = file.with_name("kept")
        file.rename(kept)
        await self.bus.close()
        kept.rename(file)
        self.living.close()

    def cut(self) -> None:
        for link in self.bus._links.values():
            if link.transport is not None:
                link.transport.abort()

    def stop_reading(self) -> None:
        for link in self.bus._incoming:
            link.transport.pause_reading()


P = TypeVar("P", bound=Process)
Make = Callable[[str], Awaitable[P]]
"""Starts a process with a name."""


@contextlib.asynccontextmanager
async def making(new: Callable[[str], P]) -> AsyncIterator[Make[P]]:
    """Processes that are closed at the end, unless they have ended."""
    async with contextlib.AsyncExitStack() as stack:

        async def make_one(name: str) -> P:
            process = new(name)
            await process.bus.start()

            async def end() -> None:
                with contextlib.suppress(OSError):
                    await process.bus.close()

            stack.push_async_callback(end)
            return process

        yield make_one


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it does not come about")
