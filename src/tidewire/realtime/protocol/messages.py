"""Messages from clients, as they are after they were parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tidewire.channels import Draft
from tidewire.core.queries import Query
from tidewire.realtime.protocol.errors import MessageError

MAX_OFFSET: Final = 2**53 - 1
"""The largest number that every JSON library reads exactly."""
MAX_EPOCH_LENGTH: Final = 64
"""Characters of the epoch of a log, as clients name it."""
LITERAL_ID: Final = "unique()"
"""The id that SDKs send to have one made. In a subscription it is an id like any other."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The clients' heartbeat."""

    place: bool = False
    """Whether the client wants to be told how far in the log it is."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """A login on the open connection."""

    session: str
    """Encoded session, not yet looked at; empty if a key is shown."""
    key: str = ""
    """Secret of an API key; empty without one."""


@dataclass(frozen=True, slots=True)
class Since:
    """A place in the event log: what comes after it is wanted."""

    offset: int
    epoch: str
    """The epoch of the log that the offset is of; empty: the client does not say."""


@dataclass(frozen=True, slots=True)
class SubscribeRow:
    """One subscription asked for."""

    id: str | None
    """The id that the client chose; None: the server makes one."""
    channels: list[str]
    """Channels as the client sent them."""
    queries: list[Query]
    since: Since | None = None
    """The position up to which the client has the events; None: it does not say."""
    complete: bool = False
    """Whether it is refused if it would miss events, because its client could not be told."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """One subscription asked for that cannot be; those beside it can."""

    id: str
    """The id as sent; empty if there was none, or a wrong one."""
    error: MessageError


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Subscriptions to add, or to replace where the id is in use."""

    asked: list[SubscribeRow | RefusedRow]
    """Rows in the order of the message; at least one is not refused, unless there is none."""
    size: int = 0
    """Characters of the frame."""

    @property
    def rows(self) -> list[SubscribeRow]:
        """The rows that are not refused."""
        return [row for row in self.asked if isinstance(row, SubscribeRow)]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Subscriptions to remove."""

    ids: list[str]


@dataclass(frozen=True, slots=True)
class SetPresence:
    """A presence of the user of the connection."""

    id: str | None
    """The id that the client chose; None: the server makes one."""
    status: str
    metadata: dict[str, Any]
    permissions: list[str] | None
    """Permissions as the client sent them; None: it sent none."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Messages to custom channels."""

    drafts: list[Draft]


Message = Ping | Authenticate | Subscribe | Unsubscribe | SetPresence | Publish


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of messages: what they may hold."""

    extended_queries: bool = True
    """Whether queries may have more methods than every Appwrite server knows."""
    most_rows: int = 2_000
    """Subscriptions in one message."""
    most_values: int = 1_000_000
    """JSON values in one message; arrays and objects count four times."""


DEFAULT_TERMS: Final = Terms()
