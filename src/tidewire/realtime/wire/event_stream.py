"""Server-Sent Events: realtime for networks that block WebSockets (HTML Living Standard, section 9.2).

A stream is a connection like any other but for its wire: the request names the channels and queries in its
URL, the answer is the same frames as on a WebSocket, one event each, and it never ends. ``id`` is the place
in the event log, so that a browser which comes back says by itself where it was.

Every block has a name and data in JSON: there are clients that decode whatever comes. The body is chunked
(RFC 9112, 7.1), one chunk for what is written at once: there are clients that would wait for more without.
"""

from __future__ import annotations

import random
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request

import tidewire
from tidewire.core.realtime_queries import normal_form
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.messages import (
    INTERNAL,
    INVALID_FORMAT,
    MAX_OFFSET,
    NOT_A_FRAME,
    POLICY_VIOLATION,
    TOO_MUCH,
    MessageError,
    Since,
)
from tidewire.realtime.protocol.request import Inputs, parse_request
from tidewire.realtime.protocol.states import CloseStatus, State
from tidewire.realtime.recovery.recovery import MISSED_UNKNOWN, Asked, Start
from tidewire.realtime.session.session import Connection
from tidewire.realtime.wire.flood import BYTES_A_UNIT

if TYPE_CHECKING:
    from tidewire.realtime.engine import Realtime

RETRY_MS: Final = (1000, 4000)
"""Between which a client waits before it comes back: a random time, so that not all come at once."""

_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    b"x-accel-buffering: no\r\nconnection: close\r\n"
)
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"
_KEEP_ALIVE: Final = b":\n"
"""A comment, and no block of its own."""
_PLACE: Final = re.compile(rb',"offset":(\d+)(?:,"epoch":"\w*")?\}\}\Z')
"""Where an event, or ``connected``, says its offset: near its end, beyond anything that a payload holds."""
_KIND: Final = re.compile(rb'\{"type":"(\w+)"')
_LAST_EVENT: Final = re.compile(r"(\w{1,64}):(\d{1,16})\Z")
_REFUSALS: Final = {
    POLICY_VIOLATION: ("403 Forbidden", "realtime_policy_violation"),
    INVALID_FORMAT: ("400 Bad Request", "realtime_message_format_invalid"),
    NOT_A_FRAME: ("400 Bad Request", "realtime_message_format_invalid"),
    401: ("401 Unauthorized", "user_unauthorized"),
    403: ("403 Forbidden", "general_access_forbidden"),
}
"""Error codes to how HTTP says them; a browser does not come back then. After all others it does."""


class EventStream(Connection):
    """One stream, from its request to its end."""

    __slots__ = ("_chunked", "_goes_on", "_origin", "_since", "_started")

    acknowledges = False

    def __init__(self, realtime: Realtime, siblings: set[Any]) -> None:
        super().__init__(realtime, siblings)
        self._origin = ""
        self._since: str = ""
        """What the client had last, as it says."""
        self._goes_on = False
        """What it missed since then is not on its way yet: until it is, the client stays where it was."""
        self._started = False
        """The head of the answer is written."""
        self._chunked = True
        """The client speaks HTTP/1.1; for an older one the answer ends with the connection."""

    def data_received(self, data: bytes) -> None:
        """Take the head of the request; what comes after it means nothing, but counts."""
        if self.state is State.NEW:
            super().data_received(data)
        else:
            self.spend(1 + len(data) / BYTES_A_UNIT)

    def opened(self, request: Request) -> None:
        """Find out who it is, and where it was."""
        self._origin = request.headers.get("origin", "")
        self._since = request.headers.get("last-event-id", "")
        super().opened(request)

    def resume_writing(self) -> None:
        """The client caught up. Its events still have to be put into this wire's form."""
        super().resume_writing()
        self.direct = False

    def write(self, message: bytes) -> None:
        """Send framed messages as events, however much is queued."""
        assert self._hub is not None or not self.roles
        epoch = self._hub.epoch if self._hub is not None and not self._goes_on else ""
        self._write_blocks(b"".join(_event(text, epoch) for text in frames.texts(message)))

    def close(self, status: CloseStatus, reason: str = "") -> None:
        """Say why, and end the stream."""
        if self.state is State.OPEN:
            self._count_close(reason or status.name.lower())
            self._write_blocks(b'event: close\ndata: {"code":%d}\n\n' % status)
            if self._chunked:
                super().write(b"0\r\n\r\n")
            self._end(State.LEAVING)
            self._hand_over()
            self.transport.close()

    def look(self, rounds: int) -> None:  # noqa: ARG002 - every look is the same here
        """Keep proxies from closing a quiet stream. Whether the client is there, TCP finds out.

        A client that got nothing for long learns that it is not behind: it might seem so when it comes back.
        """
        if self._started and self.state is State.OPEN and not self.congested:
            self._write_blocks(_KEEP_ALIVE if self.replay is not None else self._place())

    def _upgrade(self, head: bytes) -> None:
        if self.state is not State.NEW:
            return
        self.transport.resume_reading()
        self.state = State.OPEN
        self._chunked = not head.partition(b"\r\n")[0].endswith(b"HTTP/1.0")
        try:
            self.opened(parse_request(head))
        except (ValueError, InvalidHandshake):
            self._refuse(MessageError(INVALID_FORMAT, "The request is malformed."))

    async def _be_admitted(self, inputs: Inputs) -> None:
        _share_queries(inputs.parameters)
        if not inputs.parameters.get("channels"):
            raise MessageError(INVALID_FORMAT, "Name the channels in the URL: channels[]=files.")
        told = inputs.parameters.get("lastEventId")
        since = _since(self._since or (told if isinstance(told, str) else ""))
        self._goes_on = since is not None
        await super()._be_admitted(inputs)
        if since is not None and self.state is State.OPEN:
            self._go_on(since)

    def _go_on(self, since: Since) -> None:
        """Send what was missed since then, and tell whether that is everything.

        Raises :class:`MessageError` if the database cannot tell just now: the client comes back.
        """
        hub = self._hub
        assert hub is not None
        held = list(self.subscriptions.values())
        start = Start(recovered=False)
        if hub.recovery is not None:
            known = hub.recovery.look_up(self, [(None, True)])
            if known is None:
                raise MessageError(TOO_MUCH, MISSED_UNKNOWN)
            (start,) = hub.recovery.starts(self, [Asked(None, "", [], [], since)], known)
        rows = [
            {
                "subscriptionId": each.id,
                "channels": each.channels,
                "queries": [normal_form(query) for query in each.queries],
                "recovered": bool(start.recovered),
                **hub.place,
            }
            for each in held
        ]
        self.send(frames.subscribed(rows, hub.place))
        self._goes_on = False
        if not start.recovered:
            self._write_blocks(self._place())
            return
        for each in held:
            hub.subscribe(self, each.id, each.channels, each.filter, start.since)
        hub.replay(self, [each.id for each in held])

    def _place(self) -> bytes:
        """An event that says nothing but its ``id``: the client has everything up to there."""
        hub = self._hub
        if hub is None or not hub.epoch:
            return _KEEP_ALIVE
        begun = max((held.since for held in self.subscriptions.values()), default=0)
        return b"id: %b:%d\nevent: place\ndata: {}\n\n" % (
            hub.epoch.encode(),
            max(begun, hub.acknowledgements.settled),
        )

    def _refuse(self, error: MessageError) -> None:
        self._tell_limit(error)
        if self._started or error.code in {TOO_MUCH, INTERNAL}:
            self.send(frames.error(error.code, error.message, error.kind, error.explanation))
            self.close(CloseStatus.TRY_LATER if error.code == TOO_MUCH else CloseStatus.INTERNAL_ERROR)
            return
        if self.state is not State.OPEN:
            return
        status, kind = _REFUSALS.get(error.code, _REFUSALS[POLICY_VIOLATION])
        body = msgspec.json.encode(
            {
                "message": error.explanation or error.message,
                "code": int(status[:3]),
                "type": error.kind or kind,
                "version": tidewire.__version__,
            }
        )
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json; charset=UTF-8\r\nconnection: close\r\n"
        self.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head.encode(), len(body), body))
        self._end(State.LEAVING)
        self.transport.close()

    def _write_blocks(self, blocks: bytes) -> None:
        """Write blocks in a chunk of their own; in front of the first comes when a client may come back."""
        if not self._started:
            self._start()
            blocks = b"retry: %d\n%b" % (random.randint(*RETRY_MS), blocks)  # noqa: S311 - no secret
        super().write(b"%x\r\n%b\r\n" % (len(blocks), blocks) if self._chunked else blocks)

    def _start(self) -> None:
        self._started = True
        idle_ms = int(self._settings.realtime_idle_seconds * 1000)
        with suppress(OSError, AttributeError):  # Linux has the option; elsewhere its defaults hold
            self.transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, idle_ms
            )
        coding = _CHUNKED if self._chunked else b""
        self.transport.write(_HEAD + coding + _allow(self._origin) + b"\r\n")


def _event(text: bytes, epoch: str) -> bytes:
    kind = _KIND.match(text)
    assert kind is not None, "all frames begin with their type"
    place = _PLACE.search(text) if epoch else None
    name = b"id: %b:%b\n" % (epoch.encode(), place[1]) if place else b""
    return b"%bevent: %b\ndata: %b\n\n" % (name, kind[1], text.replace(b"\n", b"\ndata: "))


def _allow(origin: str) -> bytes:
    """Headers that let the page read the stream; its origin was checked before anything is written."""
    if not origin:
        return b"vary: Origin\r\n"
    return (
        b"vary: Origin\r\naccess-control-allow-credentials: true\r\n"
        b"access-control-allow-origin: %b\r\n" % origin.encode("iso-8859-1")
    )


def _since(last_event: str) -> Since | None:
    """A place as events name it in their ``id``. Raises :class:`MessageError`."""
    if not last_event:
        return None
    found = _LAST_EVENT.match(last_event)
    if found is None or int(found[2]) > MAX_OFFSET:
        raise MessageError(INVALID_FORMAT, "Last-Event-ID must be the id of an event: <epoch>:<offset>.")
    return Since(int(found[2]), found[1])


def _share_queries(parameters: dict[str, Any]) -> None:
    """``queries[]`` are those of all channels; else each channel may name its own, as in other URLs."""
    queries = parameters.pop("queries", None)
    channels = parameters.get("channels")
    if queries is None or not isinstance(channels, list | dict):
        return
    for channel in channels if isinstance(channels, list) else channels.values():
        if isinstance(channel, str):
            parameters[channel.replace(".", "_").replace(" ", "_")] = {"0": queries}
