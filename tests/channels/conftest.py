"""A whole server, and those who talk over its channels."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.server import TidewireServer

Json = dict[str, Any]
PASSWORD = "correct horse battery"
FENCE = "fence"
"""A channel that everybody may read: what comes on it last shows that nothing else was on its way."""

_numbers = itertools.count(1)


class Party:
    """A project's channels as a server with a key, users and guests use them."""

    def __init__(self, server: TidewireServer, admin: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        self.server = server
        self.admin = admin
        self.stack = stack

    async def rule(self, channel: str, **rule: Any) -> Json:
        """Make a rule."""
        answer = await self.admin.post("/realtime/channels", json={"channelId": channel, **rule})
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    async def change(self, channel: str, **changes: Any) -> Json:
        """Change a rule."""
        answer = await self.admin.put(f"/realtime/channels/{channel}", json=changes)
        assert answer.status_code == 200, answer.text
        changed: Json = answer.json()
        return changed

    async def publish(self, channel: str, by: httpx.AsyncClient | None = None, **payload: Any) -> Json:
        """Send a message, by default with the key."""
        answer = await send(by or self.admin, channel, payload)
        assert answer.status_code == 201, answer.text
        sent: Json = answer.json()
        return sent

    async def rest(self, session: str = "", key: str = "") -> httpx.AsyncClient:
        """A REST client of a user, a program or a guest."""
        headers = {"X-Appwrite-Project": self.server.project}
        if session:
            headers["X-Appwrite-Session"] = session
        if key:
            headers["X-Appwrite-Key"] = key
        return await self.stack.enter_async_context(
            httpx.AsyncClient(base_url=self.server.endpoint, headers=headers, timeout=30)
        )

    async def user(self) -> tuple[str, str]:
        """A new user: id and session."""
        user_id = f"user{next(_numbers)}"
        guest = await self.rest()
        person = {"email": f"{user_id}@example.com", "password": PASSWORD}
        (await guest.post("/account", json={"userId": user_id, **person})).raise_for_status()
        answer = await self.admin.post(f"/users/{user_id}/sessions")
        answer.raise_for_status()
        return user_id, answer.json()["secret"]

    async def listen(self, *channels: str, session: str = "", key: str = "") -> Listener:
        """Connect and subscribe to channels, the fence among them."""
        headers = {"X-Appwrite-Session": session} if session else {}
        if key:
            headers["X-Appwrite-Key"] = key
        socket = await self.stack.enter_async_context(
            connect(
                f"{self.server.realtime}?project={self.server.project}",
                additional_headers=headers,
                proxy=None,
            )
        )
        listener = Listener(self, socket)
        connected = await listener.frame()
        assert connected["type"] == "connected", connected
        await listener.subscribe(*channels)
        return listener


class Listener:
    """One open connection."""

    def __init__(self, party: Party, socket: ClientConnection) -> None:
        self.party = party
        self.socket = socket

    async def frame(self) -> Json:
        """The next frame."""
        async with asyncio.timeout(60):
            frame: Json = json.loads(await self.socket.recv())
            return frame

    async def ask(self, kind: str, data: Any) -> Json:
        """Send one frame; its answer, which comes before any event in the tests that use it."""
        await self.socket.send(json.dumps({"type": kind, "data": data}))
        return await self.frame()

    async def subscribe(self, *channels: str) -> Json:
        """Subscribe to custom channels."""
        wanted = [f"channels.{name}" for name in (*channels, FENCE)]
        answer = await self.ask("subscribe", [{"subscriptionId": "s", "channels": wanted}])
        assert answer["data"]["subscriptions"][0]["channels"] == wanted
        return answer

    async def event(self) -> Json:
        """The data of the next frame, which is an event."""
        frame = await self.frame()
        assert frame["type"] == "event", frame
        data: Json = frame["data"]
        return data

    async def events(self) -> list[Json]:
        """All events that are on their way, through this process or none."""
        stamp = next(_numbers)
        await self.party.publish(FENCE, stamp=stamp)
        found = []
        while True:
            event = await self.event()
            if event["channels"] != [f"channels.{FENCE}"]:
                found.append(event)
            elif event["payload"] == {"stamp": stamp}:
                return found

    async def payloads(self) -> list[Json]:
        """Their payloads."""
        return [event["payload"] for event in await self.events()]


async def send(client: httpx.AsyncClient, channel: str, payload: Any, **more: Any) -> httpx.Response:
    """Send a message, whatever becomes of it."""
    return await client.post(f"/realtime/channels/{channel}/messages", json={"payload": payload, **more})


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and type of an error."""
    return answer.status_code, answer.json()["type"]


@contextlib.asynccontextmanager
async def partying(server: TidewireServer) -> AsyncIterator[Party]:
    """Use the channels of a server until the block ends."""
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    async with (
        httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=30) as admin,
        AsyncExitStack() as stack,
    ):
        party = Party(server, admin, stack)
        answer = await admin.post("/realtime/channels", json={"channelId": FENCE, "read": ["any"]})
        assert answer.status_code in {201, 409}, answer.text
        yield party


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server of the module's own."""
    running = TidewireServer(tmp_path_factory.mktemp("channels") / "data", ["--drain-seconds", "0.2"]).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
async def party(own_server: TidewireServer) -> AsyncIterator[Party]:
    """The channels of that server."""
    async with partying(own_server) as opened:
        yield opened


Start = Callable[..., Awaitable[Party]]


@pytest.fixture
async def start(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Start]:
    """Start servers with arguments of the test's choice, and their environment."""
    async with AsyncExitStack() as stack:

        async def start_one(*arguments: str, **environment: str) -> Party:
            server = TidewireServer(
                tmp_path_factory.mktemp("channels") / "data", ["--drain-seconds", "0.2", *arguments]
            )
            server.environment |= environment
            server.start()
            stack.callback(lambda: server.process and server.stop())
            return await stack.enter_async_context(partying(server))

        yield start_one
