"""A hub with users and connections in memory: everything real but the sockets and the database."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from tidewire.core.entitlements import change_of
from tidewire.core.events import Event, LoggedEvent
from tidewire.core.identities import Identity
from tidewire.core.models import Account
from tidewire.core.project_settings import MfaFactors
from tidewire.core.roles import Membership, user_roles
from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.fanout.fanout import Fanout
from tidewire.realtime.fanout.log_progress import LogProgress
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.matching.index import Index
from tidewire.realtime.presence.presences import check_presence
from tidewire.realtime.protocol import frames, framing
from tidewire.realtime.protocol.errors import POLICY_VIOLATION, MessageError
from tidewire.realtime.protocol.messages import Authenticate, Publish, SetPresence, Terms
from tidewire.realtime.protocol.parsing import parse_message
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.roles.live_roles import LiveRoles
from tidewire.realtime.runtime.loop_scheduler import LoopScheduler
from tidewire.realtime.runtime.meters import Meters
from tidewire.realtime.session.conversation import authenticate, known_to, respond
from tidewire.settings import Settings

Json = dict[str, Any]


def read_frames(data: bytes) -> list[Frame]:
    """The frames that a client sees."""
    client = ClientProtocol(parse_uri("ws://test"), state=OPEN, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None, client.parser_exc
    events = client.events_received()
    assert all(isinstance(event, Frame) for event in events)
    return [event for event in events if isinstance(event, Frame)]


def read_messages(data: bytes) -> list[Json]:
    """The JSON of the messages, fragments joined."""
    messages, text = [], b""
    for frame in read_frames(data):
        assert frame.opcode in {Opcode.TEXT, Opcode.CONT}
        text += frame.data
        if frame.fin:
            messages.append(json.loads(text))
            text = b""
    assert not text
    return messages


def account(user: Mapping[str, Any]) -> Account:
    values: Json = dict.fromkeys((field.name for field in msgspec.structs.fields(Account)), "")
    values |= {"id": user["$id"], "prefs": {}, "labels": user.get("labels", []), "targets": []}
    values["email_verification"] = user.get("emailVerification", False)
    values["phone_verification"] = user.get("phoneVerification", False)
    values["status"] = user.get("status", True)
    values["mfa"] = user.get("mfa", False)
    return Account(**values)


def identity(user: Mapping[str, Any]) -> Identity:
    memberships = tuple(
        Membership(each["$id"], each["teamId"], tuple(each["roles"]), each["confirm"])
        for each in user.get("memberships", [])
    )
    verified = bool(user.get("emailVerification") or user.get("phoneVerification"))
    roles = user_roles(user["$id"], verified, user.get("labels", []), memberships)
    return Identity(account(user), session_id="", session_expires=0, roles=roles, memberships=memberships)


class Users:
    """Users by id; ``@x`` is a valid session of user x."""

    def __init__(self) -> None:
        self.stored: dict[str, Json] = {}

    async def by_id(self, user_id: str) -> Identity | None:
        user = self.stored.get(user_id)
        return identity(user) if user else None

    async def by_session(self, session: str) -> Identity | None:
        return await self.by_id(session.removeprefix("@")) if session.startswith("@") else None

    async def by_jwt(self, token: str) -> Identity | None:
        raise NotImplementedError

    async def open_sessions(self, user_id: str) -> list[Identity]:
        user = self.stored.get(user_id, {})
        return [replace(identity(user), **session) for session in user.get("sessions", [])]


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.writes = 0

    def arrive(self) -> None:
        """Have all that was written in ``data``."""

    def write(self, data: bytes, /) -> None:
        self.data += data
        self.writes += 1

    def take(self) -> list[Json]:
        """The messages written since the last call."""
        data = bytes(self.data)
        self.data.clear()
        return read_messages(data)


class SocketWire(Wire):
    """One that events may be written past, to a socket; what is written through it follows in order."""

    def __init__(self) -> None:
        super().__init__()
        self._near, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._near.setblocking(False)
        self._far.setblocking(False)
        self.descriptor = self._near.fileno()

    def __del__(self) -> None:
        self._near.close()
        self._far.close()

    def write(self, data: bytes, /) -> None:
        self._near.send(data)

    def arrive(self) -> None:
        """Have all that was written in ``data``; each write is a packet."""
        while True:
            try:
                packet = self._far.recv(1 << 20)
            except BlockingIOError:
                return
            super().write(packet)

    def take(self) -> list[Json]:
        self.arrive()
        return super().take()


async def all_factors() -> MfaFactors:
    """All second factors are permitted."""
    return MfaFactors()


class Client(Receiver):
    """A connection without a transport; or with ``sockets`` one whose socket events are written to."""

    def __init__(self, name: str, *, sockets: bool = False) -> None:
        super().__init__()
        self.name = name
        self.wire = Wire()
        if sockets:
            self.wire = SocketWire()
            self.descriptor = self.wire.descriptor
        self.transport = self.wire
        self.direct = True
        self.given_up = False

    def give_up(self) -> None:
        self.given_up = True

    def send(self, message: bytes) -> None:
        self.wire.write(message)

    def tell(self, text: bytes) -> None:
        self.wire.write(framing.text_message(text))

    def close(self, status: CloseStatus, reason: str = "") -> None:
        raise AssertionError(f"the connection of {self.name} is closed with {status} {reason}")


class World:
    """One project."""

    def __init__(
        self, project_id: str = "p1", *, extended_queries: bool = True, settings: Settings | None = None
    ) -> None:
        self.extended_queries = extended_queries
        self.users = Users()
        settings = settings or Settings()
        self.signed_out: list[Receiver] = []
        index, meters = Index(), Meters()
        acknowledgements = Acknowledgements(enabled=settings.realtime_recovery_seconds > 0)
        scheduler = LoopScheduler(per_round=1)
        self.hub = Hub(
            project_id,
            settings,
            index=index,
            roles=LiveRoles(index, self.users, all_factors, self.signed_out.append),
            fanout=Fanout(scheduler, meters, acknowledgements, lambda: self.hub.settle()),
            progress=LogProgress(),
            acknowledgements=acknowledgements,
            meters=meters,
            catch_up=self.catch_up,
        )
        self.clients: dict[str, Client] = {}
        self.offset = 0

    async def catch_up(self) -> None:
        """Handle what is committed; here everything is handled at once."""

    async def connect(self, name: str, user_id: str = "", *, sockets: bool = False) -> Client:
        if user_id and user_id not in self.users.stored:
            self.users.stored[user_id] = {"$id": user_id}
        client = self.clients[name] = Client(name, sockets=sockets)
        found = await self.users.by_id(user_id) if user_id else None
        self.hub.enter(client, found)
        return client

    async def deliver(self, event: Event) -> None:
        """Handle an event as the feed does."""
        change = change_of(event)
        transition = await self.hub.prepare(change) if change else None
        if transition:
            self.hub.roles.begin(transition)
        await self.hub.publish(LoggedEvent(self.hub.project_id, self.offset, event))
        if transition:
            self.hub.roles.finish(transition)
        await self.settle()

    async def settle(self) -> None:
        """Wait until everybody got what was published."""
        while not self.hub.is_idle:  # noqa: ASYNC110 - the hub tells nobody
            await asyncio.sleep(0)

    def close(self, name: str) -> None:
        self.hub.leave(self.clients.pop(name))

    async def send(self, name: str, text: str) -> Json:
        """Handle one frame; the reply, or ``{"error": …}`` as in the vectors."""
        messages = await self.exchange(name, text)
        return messages[-1] if "error" in messages[-1] else {"response": messages[-1]}

    async def exchange(self, name: str, text: str) -> list[Json]:
        """Handle one frame; the reply, and before it the events that were still to come."""
        client = self.clients[name]
        try:
            message = parse_message(text, Terms(extended_queries=self.extended_queries))
            if isinstance(message, Authenticate):
                client.tell(await authenticate(self.hub, client, message))
            elif isinstance(message, Publish):
                raise NotImplementedError
            elif isinstance(message, SetPresence):
                check_presence(self.hub.project_id, client)
                raise NotImplementedError
            else:
                known = known_to(self.hub, client, message)
                assert known is not None, "a world has no log to look anything up in"
                for answer in respond(self.hub, client, message, known):
                    client.tell(answer)
        except MessageError as error:
            client.tell(frames.error(error.code, error.message))
            [reply] = client.wire.take()
            assert reply["type"] == "error"
            return [{"error": {"code": reply["data"]["code"], "closes": error.code == POLICY_VIOLATION}}]
        return client.wire.take()

    async def publish(
        self,
        roles: Sequence[str],
        channels: Sequence[str],
        payload: Mapping[str, Any] | None = None,
        user_id: str = "",
        permissions_changed: bool = False,
    ) -> dict[str, list[str]]:
        """Publish as the feed does; who received it, with the subscriptions named."""
        self.offset += 1
        event = Event(
            pattern="teams.[teamId].update",
            parameters={"teamId": "t"},
            channels=list(channels),
            roles=list(roles),
            payload=msgspec.json.encode(payload or {}),
            timestamp=1_700_000_000_000,
            user_id=user_id,
            permissions_changed=permissions_changed,
        )
        self.hub.progress.received = self.offset
        await self.deliver(event)
        received = {}
        for name, client in self.clients.items():
            messages = client.wire.take()
            if messages:
                [message] = messages
                assert message["type"] == "event"
                assert message["data"]["payload"] == (payload or {})
                received[name] = message["data"]["subscriptions"]
        return received
