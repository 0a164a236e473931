"""Recovery: where in the event log the events of a subscription begin, and whether it misses any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b
from typing import Final, Protocol

from websockets.frames import CloseCode

from tidewire.core.queries import Query
from tidewire.core.time import now
from tidewire.realtime.protocol.messages import LITERAL_ID, Since
from tidewire.realtime.receivers.filters import Filter
from tidewire.realtime.receivers.page_progress import PageProgress
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.recovery.positions import GUEST_ID_LENGTH, Positions, digest_of
from tidewire.realtime.recovery.replay import Replay, Replayer, ReplaySource
from tidewire.realtime.roles.api_keys import ApiKeyConnections
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.engine.event_log import last_offset, trimmed_offset
from tidewire.store.records import positions as stored
from tidewire.store.records.positions import Kept, Key

URL_PREFIX: Final = "url."
"""Begins the ids under which subscriptions of a URL are kept, whose clients choose none."""
LOADED_AGAIN_MS: Final = 500
"""Time after a browser closed a connection in which only a page that was loaded anew connects: SDKs on a page
that goes on wait for a second. A page that was loaded anew was not there before, and missed nothing."""
AWAKE_MS: Final = 5000
"""Time in which a page that has just connected reads what it is sent first."""


class Identified(Protocol):
    """A subscription that a client asks for, as far as recovery has to know it to look it up."""

    @property
    def id(self) -> str | None:
        """The id that the client chose; None: it chose none, and would not know it again."""

    @property
    def since(self) -> Since | None:
        """Up to where the client says it has the events; None: it does not say."""


@dataclass(frozen=True)
class SubscriptionRequest:
    """A subscription that a client asks for, checked and converted."""

    id: str | None
    """The id that it is kept under, for when the client asks for it again; None: it is not kept."""
    name: str
    """The id of the subscription on the connection."""
    channels: Sequence[str]
    """Converted; empty: there is no subscription of this name afterwards."""
    queries: Sequence[Query]
    filter: Filter | None
    """The queries compiled; None: every payload is wanted."""
    since: Since | None = None
    """Up to where the client says it has the events; None: it does not say."""
    comes_back: bool = False
    """Whether the connection holds it already, and it may go on now where an earlier connection was."""

    @cached_property
    def wants(self) -> str:
        """A digest of the channels and queries, which tells different requests apart."""
        return digest_of(self.channels, self.queries)


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a subscription: where its events begin."""

    since: int | None = None
    """The offset after which they begin; None: with those from now on."""
    recovered: bool | None = None
    """Whether what the subscription missed is sent; None: it is new and missed nothing."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of subscriptions that a client asks for, and of the log."""

    kept: Mapping[Key, Kept] = field(default_factory=dict)
    bounds: tuple[int, int] | None = None
    """A subscription that has got everything up to an offset between these gets the rest; None: not known."""


NOTHING_KNOWN: Final = Known()
MISSED_UNKNOWN: Final = "What was missed cannot be told just now; try again."


class Recovery:
    """What the connections of one project have missed, and from where they get it."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        positions: Positions,
        source: ReplaySource,
        api_keys: ApiKeyConnections,
        replayer: Replayer,
    ) -> None:
        self.positions = positions
        self._database = database
        self.source = source
        self._api_keys = api_keys
        self._replayer = replayer
        self._seconds = settings.realtime_recovery_seconds
        self._most_events = settings.realtime_max_replay_events
        self._unclaimed: dict[Receiver, Sequence[str]] = {}
        """Subscriptions of guests by the URL: some SDKs show the session a moment after they connect."""

    def begin_round(self) -> None:
        """Begin a round of acknowledgements; to be called once a second."""
        self.positions.begin_round()
        self.source.history.begin_round()

    def replay(self, receiver: Receiver, position: int) -> Replay:
        """A replay to a connection from ``position`` on."""
        return Replay(self.source, receiver, self._replayer, position)

    def look_up(self, receiver: Receiver, asked: Sequence[Identified]) -> Known | None:
        """What is known of subscriptions that a client asks for.

        None if the database cannot answer at once: then :meth:`read` can.
        """
        keys = self._keys(receiver, asked)
        if not keys and all(each.since is None for each in asked):
            return NOTHING_KNOWN
        found = self._database.find_at_once(partial(_look_up, keys=keys))
        return None if found is None else self._known(keys, *found.value)

    async def read(self, receiver: Receiver, asked: Sequence[Identified]) -> Known:
        """Look up like :meth:`look_up`, waiting for the database."""
        keys = self._keys(receiver, asked)
        return self._known(keys, *await self._database.read(partial(_look_up, keys=keys), lane="history"))

    def _known(self, keys: Sequence[Key], found: dict[Key, Kept], bounds: tuple[int, int]) -> Known:
        return Known(self.positions.brought_up(keys, found), bounds)

    def starts(self, receiver: Receiver, asked: Sequence[SubscriptionRequest], known: Known) -> list[Start]:
        """The start of each of these subscriptions. Changes nothing."""
        return [self._start(receiver, each, known) for each in asked]

    def keep(self, receiver: Receiver, asked: Sequence[SubscriptionRequest]) -> None:
        """Keep subscriptions that were made, for when the client makes them again."""
        for each in asked:
            held = receiver.subscriptions.get(each.name)
            key = self._key(receiver, each.id)
            if held is None or key is None:
                continue
            position = held.since if receiver.replay is not None else max(held.since, self._reached(receiver))
            self.positions.take(receiver, each.name, key, each.wants, position)

    def keep_again(self, receiver: Receiver) -> None:
        """Keep the subscriptions of a connection that is another user's now as that user's."""
        names = [name for name, _ in self.positions.held(receiver)]
        for name in names:
            self.positions.drop(receiver, name)
        held = [receiver.subscriptions[name] for name in names if name in receiver.subscriptions]
        self.keep(
            receiver,
            [
                SubscriptionRequest(each.id, each.id, each.channels, each.queries, each.filter)
                for each in held
            ],
        )

    def await_session(self, receiver: Receiver, names: Sequence[str]) -> None:
        """Note the subscriptions of a guest's URL, which :meth:`claimed` gives when a session is shown."""
        if receiver.acknowledges and self._seconds:
            self._unclaimed[receiver] = names

    def claimed(self, receiver: Receiver, session_id: str) -> list[SubscriptionRequest]:
        """The subscriptions of a guest's URL, to be made once more for the session that was shown."""
        names = self._unclaimed.pop(receiver, ())
        held = [receiver.subscriptions[name] for name in names if name in receiver.subscriptions]
        return [
            SubscriptionRequest(
                url_key(session_id, each.channels, each.queries),
                each.id,
                each.channels,
                each.queries,
                each.filter,
                comes_back=True,
            )
            for each in held
        ]

    def drop(self, receiver: Receiver, name: str) -> None:
        """A client ended a subscription."""
        self.positions.drop(receiver, name)

    def lose(self, receiver: Receiver) -> None:
        """Note that a connection ended; to be called while it still has its subscriptions."""
        self._unclaimed.pop(receiver, None)
        if not receiver.left:
            self.positions.lose(receiver)
            return
        of_url = [name for name, key in self.positions.held(receiver) if key[1].startswith(URL_PREFIX)]
        if receiver.page is not None and receiver.left == CloseCode.GOING_AWAY:
            # So browsers close the connections of a page that is left, and of one that wakes from the
            # back/forward cache. The first may be loaded again at once. The other comes back, and was awake
            # when it connected last.
            self.positions.lose(receiver, away=of_url, read=self._seen(receiver, receiver.page))
        else:
            # A client that ends a connection with subscriptions in its URL and connects again begins anew.
            self.positions.lose(receiver, for_good=of_url)

    def _seen(self, receiver: Receiver, page: PageProgress) -> int:
        """The offset at which a page connected, if the page has certainly read what came before; else 0.

        Without it pages that follow each other quickly, none of which shows what it has read, would each get
        everything since the first of them, more and more.
        """
        since_ms = now() - receiver.number // 1000
        arrived = receiver.replay is None and self.source.acknowledgements.arrived(receiver) >= page.opened
        return page.opened if arrived and since_ms >= AWAKE_MS else 0

    def _start(self, receiver: Receiver, asked: SubscriptionRequest, known: Known) -> Start:
        if asked.since is not None:
            of_this_log = not asked.since.epoch or asked.since.epoch == self.source.progress.epoch
            return self._judged(asked.since.offset, known, lost=not of_this_log)
        if asked.name in receiver.subscriptions and not asked.comes_back:
            return Start()  # it changes what it has
        return self._known_start(receiver, asked, known)

    def _known_start(self, receiver: Receiver, asked: SubscriptionRequest, known: Known) -> Start:
        key = self._key(receiver, asked.id)
        kept = known.kept.get(key) if key is not None else None
        if kept is None:
            return Start()
        if kept.away and 0 <= now() - kept.lost_at < LOADED_AGAIN_MS:
            return Start()
        late = kept.lost_at > 0 and now() - kept.lost_at > self._seconds * 1000
        changed = kept.wants != asked.wants or kept.epoch != self.source.progress.epoch
        return self._judged(kept.position, known, lost=late or changed)

    def _judged(self, offset: int, known: Known, *, lost: bool) -> Start:
        """A start at ``offset``, if the log goes back that far; ``lost``: the offset means nothing any
        more."""
        # If the bounds cannot be told just now, the replay finds out that something is missing.
        first, last = known.bounds or (0, offset)
        near = last - offset <= self._most_events
        recovered = not lost and first <= offset <= last and near
        self._replayer.meters.recovered["yes" if recovered else "no"] += 1
        return Start(offset, recovered=True) if recovered else Start(recovered=False)

    def _reached(self, receiver: Receiver) -> int:
        return self.source.acknowledgements.position(receiver) if receiver.sent else 0

    def _keys(self, receiver: Receiver, asked: Sequence[Identified]) -> list[Key]:
        keys = [self._key(receiver, each.id) for each in asked if each.since is None]
        return [key for key in keys if key is not None]

    def _key(self, receiver: Receiver, name: str | None) -> Key | None:
        """The key that the subscription ``name`` of a client is kept under; None if it is not kept.

        The subscriptions of guests, and of API keys without an id, are kept only under names so long that no
        other client has them by accident.
        """
        if not self._seconds or not receiver.acknowledges or name is None or name == LITERAL_ID:
            return None
        if receiver.login is not None and receiver.login.foreign:
            return None
        key = self._api_keys.key_of(receiver)
        known = receiver.user_id if key is None else key.id
        if not known and len(name) < GUEST_ID_LENGTH:
            return None
        if key is not None:
            return f"key:{key.id}", name
        return receiver.user_id, name


def url_key(session_id: str, channels: Sequence[str], queries: Sequence[Query]) -> str:
    """The id under which a subscription of a URL is kept, for a client that is signed in."""
    digest = blake2b(f"{session_id} ".encode(), digest_size=16)
    digest.update(digest_of(channels, queries).encode())
    return URL_PREFIX + digest.hexdigest()


def _look_up(log: Connection, keys: Sequence[Key]) -> tuple[dict[Key, Kept], tuple[int, int]]:
    return stored.find(log, keys), (trimmed_offset(log), last_offset(log))
