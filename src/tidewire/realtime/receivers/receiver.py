"""Receivers: connections as matching and fan-out see them, and the subscriptions that they hold."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple, Protocol

import structlog

from tidewire.core.queries import Query
from tidewire.core.realtime_queries import Attributes
from tidewire.realtime.protocol.answers import Answers
from tidewire.realtime.protocol.errors import MessageError
from tidewire.realtime.protocol.event_frames import Form, subscription_tail
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.receivers.filters import Filter
from tidewire.realtime.receivers.page_progress import PageProgress
from tidewire.realtime.receivers.scatter import SocketState

ENTRY_BYTES: Final = 150
"""Bytes of memory that an entry of the matching index takes, roughly."""

EVERYTHING: Final = ("*",)
"""The roles of a connection with an API key: it gets every event. No event is for a role of this name."""

_log: Final = structlog.get_logger(__name__)


class Transport(Protocol):
    """The part of asyncio's transport that fan-out needs."""

    def write(self, data: bytes, /) -> None:
        """Queue ``data`` for the socket."""


class Replaying(Protocol):
    """The replay that a receiver is in (:class:`tidewire.realtime.recovery.replay.Replay`)."""

    position: int
    """Offset up to which everything has been written."""

    def rewind(self, position: int, wanting: Mapping[str, bool], reached: int) -> None:
        """Begin earlier, for subscriptions that came to it meanwhile."""

    def go_on(self) -> None:
        """Write more as soon as it is its turn; called when the socket has drained."""


class Footprint(NamedTuple):
    """How much one subscription takes, or several together."""

    subscriptions: int
    channels: int
    bytes: int
    """Bytes of the row in a message, as a client's JSON has it that writes nothing but ASCII characters."""
    memory: int
    """Bytes that its queries take compiled."""
    work: int
    """What the queries cost an event, in comparisons."""

    def changed(self, before: Footprint, after: Footprint) -> Footprint:
        """The footprint of several subscriptions once the one of ``before`` is that of ``after``."""
        return Footprint(*(all_ - old + new for all_, old, new in zip(self, before, after, strict=True)))


NO_FOOTPRINT: Final = Footprint(0, 0, 0, 0, 0)


class Login:
    """The session that a connection belongs to a user by, or will once a second factor is shown."""

    __slots__ = ("expires", "foreign", "owner", "session_id")

    def __init__(self, session_id: str, expires: int, *, foreign: bool, owner: str = "") -> None:
        self.session_id = session_id
        self.expires = expires
        """Milliseconds since the epoch; 0: never."""
        self.foreign = foreign
        """Whether the user is one of the console, whose id may also be that of a user of the project."""
        self.owner = owner
        """The user whose session it is, if the connection is not that user's; else empty.

        It is a guest's while the session lacks its second factor, or that of a user whom the owner acts as.
        """


class Receiver(SocketState, ABC):
    """A connection: who it is, what it subscribed to, and how to reach it.

    A process may have very many of them, so that a receiver holds nothing that can be shared or made when it
    is needed. The methods are those of its session and its wire; none of them may raise because the client
    is slow or gone.
    """

    __slots__ = (
        "acknowledged", "answers", "asked", "direct", "footprint", "form", "left", "login", "number", "page",
        "recoverable", "replay", "roles", "round", "subscriptions", "transport", "user_id",
    )  # fmt: skip

    words: ClassVar[Answers] = Answers()
    """What it is told besides events, in the words of its protocol."""

    def __init__(self) -> None:
        super().__init__()
        self.transport: Transport
        self.direct = False
        """Whether event frames may be written to the transport without a look at its state."""
        self.form = 0
        """How event frames are encoded for it: see :mod:`tidewire.realtime.protocol.event_frames`."""
        self.number = 0
        """The number that names the connection within its process; 0 until it is admitted."""
        self.user_id = ""
        """The id of the user; empty for a guest."""
        self.login: Login | None = None
        """The session that was shown; None for a guest, and for a user who showed none."""
        self.roles: tuple[str, ...] = ()
        """The roles that the connection holds. They are empty before it is admitted and after it ended: then
        it receives nothing."""
        self.subscriptions: dict[str, Subscription] = {}
        """Subscriptions by id, which is unique within the connection only."""
        self.footprint: Footprint | None = None
        """How much the subscriptions take together; None: that has to be summed up."""
        self.page: PageProgress | None = None
        """The progress of the page, if it is one in a browser, which answers pings for its pages; None if it
        is no page."""
        self.recoverable = False
        """Whether its subscriptions are kept for recovery, so that acknowledgements are worth asking for."""
        self.acknowledged = 0
        """Offset up to which the client has acknowledged everything."""
        self.asked = 0
        """Offset in the ping whose answer is outstanding; 0: none is. Negative: the answer says nothing."""
        self.answers = False
        """Whether the client ever answered a ping."""
        self.left = 0
        """The status that the client closed the connection with; 0: it did not."""
        self.round = 0
        """The round of acknowledgements in which it was last sent a ping with events."""
        self.replay: Replaying | None = None
        """The replay of what it has to get from the log first; meanwhile it gets no live events."""

    @property
    def acknowledges(self) -> bool:
        """Whether its wire has pings, and clients that answer them."""
        return True

    @property
    def id(self) -> str:
        """The id that names the connection in the log."""
        return str(self.number)

    @property
    def origin(self) -> str:
        """The address that the connection comes from, while it counts as open."""
        return ""

    @property
    def congested(self) -> bool:
        """Whether the client reads more slowly than it is sent to."""
        return False

    @abstractmethod
    def send(self, framed: bytes) -> None:
        """Send frames in the form of this receiver, or close it if too much is queued for it already."""

    def write(self, framed: bytes) -> None:
        """Send frames in the form of this receiver, however much is queued already."""
        self.transport.write(framed)

    @abstractmethod
    def tell(self, text: bytes) -> None:
        """Send a message that is no event: JSON, which the wire frames."""

    def address(self, subscription_ids: Sequence[str]) -> tuple[bytes, Form]:
        """The tail and the form of the frame of an event that these of its subscriptions get."""
        return subscription_tail(subscription_ids), self.form

    def refused(self, error: MessageError) -> None:
        """Note that a message of the client, or a part of it, was refused by an error message."""

    def all_has_arrived(self) -> bool:
        """Whether the client's machine has received everything that was sent, as far as TCP tells."""
        return False

    @abstractmethod
    def close(self, status: CloseStatus, reason: str = "") -> None:
        """Close the connection and give the client a moment to answer. After the end do nothing.

        ``reason``: one word for the metrics, where the status does not tell.
        """

    def give_up(self) -> None:
        """Close, so that the client comes back and gets what it has missed from the log."""
        self.close(CloseStatus.TRY_LATER)


def give_up(receiver: Receiver) -> None:
    """Close a connection that has not got an event; failing to is logged and raises nothing."""
    try:
        receiver.give_up()
    except Exception:
        _log.exception("connection not closed")


class Subscription:
    """One subscription of a connection; it is never changed, only replaced."""

    __slots__ = ("channels", "filter", "id", "receiver", "since", "tail")

    def __init__(
        self,
        receiver: Receiver,
        subscription_id: str,
        channels: Iterable[str],
        wanted: Filter | None,
        since: int,
    ) -> None:
        self.receiver = receiver
        self.id = subscription_id
        self.channels = tuple(dict.fromkeys(map(sys.intern, channels)))
        self.filter = wanted
        self.since = since
        """The offset after which its events begin: it gets events with greater offsets, which were committed
        later."""
        self.tail = subscription_tail((subscription_id,))
        """The tail of an event frame for a connection of which only this subscription matched."""

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries that payloads must fulfil; none if every payload is wanted."""
        return self.filter.queries if self.filter is not None else ()

    def wants(self, payload: Attributes) -> bool:
        """Whether the queries accept ``payload``."""
        return self.filter is None or self.filter.accepts(payload)
