"""A TCP proxy between clients and server that can be told to fail."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import suppress
from typing import Final, Literal

Cut = Literal["reset", "half-open", "freeze", "freeze and reset"]
CUTS: Final[tuple[Cut, ...]] = ("reset", "half-open", "freeze", "freeze and reset")
_READ_BYTES: Final = 16_384


class CuttingProxy:
    """Passes bytes on until one of its connections is cut."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and break off what is open."""
        assert self._server
        self._server.close()
        for link in list(self._links):
            link.break_off()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._serving, return_exceptions=True)

    @property
    def whole(self) -> int:
        """How many connections are open and not being cut."""
        return sum(link.flowing.is_set() for link in self._links)

    def cut(self, chance: random.Random) -> Cut:
        """Cut one of the whole connections in one way."""
        link = chance.choice([link for link in self._links if link.flowing.is_set()])
        kind = chance.choice(CUTS)
        if kind == "reset":
            link.break_off()
        else:
            link.flowing.clear()
            self._later(chance.uniform(0.2, 3), link, kind)
        return kind

    def _later(self, seconds: float, link: _Link, kind: Cut) -> None:
        async def end() -> None:
            if kind == "half-open":
                # The client has gone and the server does not learn of it for a while.
                link.abort(link.client)
                await asyncio.sleep(seconds)
                link.break_off()
            else:
                await asyncio.sleep(seconds)
                if kind == "freeze":
                    link.flowing.set()
                else:
                    link.break_off()

        task = asyncio.create_task(end())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        try:
            upstream_reader, upstream = await asyncio.open_connection(*self._target)
        except OSError:  # the server was killed
            writer.transport.abort()
            return
        link = _Link(writer, upstream)
        self._links.add(link)
        try:
            await asyncio.gather(link.pass_on(reader, upstream), link.pass_on(upstream_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._links.discard(link)
            link.break_off()


class _Link:
    """One connection of a client and its twin to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self._server = server
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes, while it is flowing. Raises :class:`OSError` when either side ends."""
        while data := await reader.read(_READ_BYTES):
            await self.flowing.wait()
            writer.write(data)
            await writer.drain()
        await self.flowing.wait()
        raise ConnectionResetError

    def break_off(self) -> None:
        """Reset both sides."""
        self.flowing.set()
        for side in (self.client, self._server):
            self.abort(side)

    @staticmethod
    def abort(side: asyncio.StreamWriter) -> None:
        """Send a TCP reset: unsent and unread bytes are lost."""
        with suppress(OSError):
            connection = side.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        side.transport.abort()
