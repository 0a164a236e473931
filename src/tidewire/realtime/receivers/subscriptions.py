"""Who receives: connections as the matching index sees them, and the subscriptions they hold."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from weakref import WeakValueDictionary

from tidewire.core.queries import Query
from tidewire.core.realtime_queries import (
    Attributes,
    compile_queries,
    compiled_bytes,
    equality_key,
    json_size,
    normal_form,
    work,
)
from tidewire.core.realtime_ranges import Range, range_of
from tidewire.realtime.protocol.frames import subscription_tail
from tidewire.realtime.protocol.messages import MessageError
from tidewire.realtime.receivers.page_reading import Reading
from tidewire.realtime.receivers.scatter import Lane

if TYPE_CHECKING:
    from tidewire.realtime.recovery.replay import Replay


class Transport(Protocol):
    """Where bytes for a client go; the part of asyncio's transport that fan-out needs."""

    def write(self, data: bytes, /) -> None:
        """Queue ``data`` for the socket."""


ENTRY_BYTES: Final = 150
"""Of memory that a place in the index takes; roughly."""

EVERYTHING: Final = ("*",)
"""The roles of a program with an API key: it gets whatever happens. No event is for a role of this name."""


class Extent(NamedTuple):
    """How much one subscription takes, or several."""

    subscriptions: int
    channels: int
    bytes: int
    """Of its row in a frame, as a client's JSON has it that writes nothing but ASCII characters."""
    memory: int
    """Bytes that its queries take compiled."""
    work: int
    """What they cost an event, in comparisons."""

    def changed(self, before: Extent, after: Extent) -> Extent:
        """That of several subscriptions of which one was ``before`` and is ``after``."""
        return Extent(*(all_ - old + new for all_, old, new in zip(self, before, after, strict=True)))


NO_EXTENT: Final = Extent(0, 0, 0, 0, 0)


class Login:
    """The session that a connection belongs to a user by, or will once a second factor is shown."""

    __slots__ = ("expires", "foreign", "owner", "session_id")

    def __init__(self, session_id: str, expires: int, *, foreign: bool, owner: str = "") -> None:
        self.session_id = session_id
        self.expires = expires
        """Milliseconds since the epoch; 0: never."""
        self.foreign = foreign
        """The user is one of the console, whose id may also be that of a user of the project."""
        self.owner = owner
        """Whose session it is, while it lacks its second factor and the connection is a guest's."""


class Receiver(Lane):
    """A connection: who it is, what it subscribed to, and how to reach it.

    There can be very many of them, so it holds nothing that can be shared or made when needed.
    """

    __slots__ = (
        "acknowledged",
        "answers",
        "asked",
        "direct",
        "extent",
        "left",
        "login",
        "number",
        "page",
        "recoverable",
        "replay",
        "roles",
        "round",
        "subscriptions",
        "transport",
        "user_id",
        "window",
    )

    def __init__(self) -> None:
        super().__init__()
        self.transport: Transport
        self.direct = False
        """Whether frames may be written to the transport without a look at its state."""
        self.window = 0
        """Bits of the window that the client inflates messages with; 0: it takes none compressed."""
        self.number = 0
        """Names the connection within its process; 0 until it is let in."""
        self.user_id = ""
        """Empty for a guest."""
        self.login: Login | None = None
        """None for a guest without a session, and for a user who did not come by one."""
        self.roles: tuple[str, ...] = ()
        """Empty only before the connection is set up: then it receives nothing."""
        self.subscriptions: dict[str, Subscription] = {}
        """By id, which is unique within the connection only."""
        self.extent: Extent | None = None
        """How much they take together; None: it is not known, they have changed."""
        self.page: Reading | None = None
        """What a page has read, whose browser answers its pings for it; None: it is none."""
        self.recoverable = False
        """Whether it is kept where the client is, so that acknowledgements are worth asking for."""
        self.acknowledged = 0
        """Offset up to which the client has acknowledged everything."""
        self.asked = 0
        """Offset in the ping whose answer is outstanding; 0: none is. Negative: its answer says nothing."""
        self.answers = False
        """Whether the client ever answered a ping."""
        self.left = 0
        """The status that the client closed the connection with; 0: it did not."""
        self.round = 0
        """In which it was last sent a ping with events."""
        self.replay: Replay | None = None
        """What it has to get from the log first; meanwhile it gets no events as they happen."""

    acknowledges = True
    """Whether the wire has pings, and clients that answer them."""

    @property
    def id(self) -> str:
        """Names the connection in the log."""
        return str(self.number)

    @property
    def origin(self) -> str:
        """The address that it comes from, while it counts as open."""
        return ""

    @property
    def congested(self) -> bool:
        """Whether the client reads more slowly than it is sent to."""
        return False

    def send(self, message: bytes) -> None:
        """Send a framed message with regard to the state of the connection."""
        raise NotImplementedError

    def write(self, message: bytes) -> None:
        """Send a framed message, however much is queued already."""
        self.transport.write(message)

    def refused(self, error: MessageError) -> None:
        """A message of the client was refused, or a part of it; it is told by an error frame."""

    def all_has_arrived(self) -> bool:
        """Whether the client's machine has received everything that was sent, as far as TCP tells."""
        return False

    def give_up(self) -> None:
        """Close, so that the client comes back and learns what it has missed."""
        raise NotImplementedError


class Filter:
    """The queries of a subscription, compiled: which payloads it wants.

    Equal queries are compiled once, for whoever has them.
    """

    __slots__ = (
        "__weakref__",
        "attribute",
        "exact",
        "held",
        "keys",
        "memory",
        "predicate",
        "queries",
        "range",
        "size",
        "work",
    )

    def __init__(self, queries: Sequence[Query], size: int) -> None:
        predicate = compile_queries(queries)
        assert predicate is not None, "without conditions there is no filter"
        self.predicate = predicate
        self.queries = tuple(queries)
        self.size = size
        """Bytes of the queries as strings of JSON: what they take in a frame."""
        self.memory = compiled_bytes(queries)
        """Bytes that it takes; roughly."""
        attribute, keys = equality_key(queries) or ("", ())
        self.attribute: str | None = attribute if keys else None
        """An attribute whose value must have one of ``keys``; None if there is no such condition."""
        self.keys: tuple[Hashable, ...] = keys
        self.exact = bool(keys) and len(queries) == 1
        """There is no other condition."""
        self.range: Range | None = range_of(queries) if self.attribute is None else None
        """Where the value of an attribute must be; None if there is no such condition, or a better one."""
        self.work = 0 if self.exact else work(queries)
        """What it costs at most to ask a payload that the index has led to, in comparisons of two values."""
        self.held = 0
        """By how many subscriptions."""

    @staticmethod
    def of(queries: Sequence[Query], texts: Sequence[str] = ()) -> Filter | None:
        """None if every payload is wanted. ``texts``: their normal forms, where they are known already."""
        if not queries or any(query.method == "select" for query in queries):
            return None
        texts = texts or [normal_form(query) for query in queries]
        key = blake2b("\0".join(texts).encode(), digest_size=16).digest()
        known = _FILTERS.get(key)
        if known is None:
            known = _FILTERS[key] = Filter(queries, sum(map(json_size, texts)))
        return known

    def accepts(self, payload: Attributes) -> bool:
        """Whether a payload is wanted; asked once if several want to know."""
        if self.held < 2:
            return self.predicate(payload)
        answer = payload.answers.get(self)
        if answer is None:
            answer = payload.answers[self] = self.predicate(payload)
        return answer


_FILTERS: Final[WeakValueDictionary[bytes, Filter]] = WeakValueDictionary()
"""All that somebody holds, by a digest of their queries."""


class Subscription:
    """One subscription of a connection; never changed, only replaced."""

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
        """Only events with greater offsets are delivered: those committed later."""
        self.tail = subscription_tail((subscription_id,))
        """What is its own of the event frame for a connection of which only this subscription matched."""

    @property
    def queries(self) -> tuple[Query, ...]:
        """What the payloads must fulfil; none if every payload is wanted."""
        return self.filter.queries if self.filter is not None else ()

    def wants(self, payload: Attributes) -> bool:
        """Whether the queries accept ``payload``."""
        return self.filter is None or self.filter.accepts(payload)
