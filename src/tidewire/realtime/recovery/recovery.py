"""Recovery: where in the log the events of a subscription begin, and whether it misses any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from websockets.frames import CloseCode

from tidewire.core.queries import Query
from tidewire.core.time import now
from tidewire.realtime.protocol.messages import LITERAL_ID, Since
from tidewire.realtime.receivers.page_reading import Reading
from tidewire.realtime.receivers.subscriptions import Filter, Receiver
from tidewire.realtime.recovery.history import History
from tidewire.realtime.recovery.positions import GUEST_ID_LENGTH, Positions, digest_of
from tidewire.realtime.recovery.replay import Replay, Replayer
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.engine.event_log import last_offset, trimmed_offset
from tidewire.store.records import positions as stored
from tidewire.store.records.positions import Kept, Key

if TYPE_CHECKING:
    from tidewire.realtime.hub.hub import Hub

URL_PREFIX: Final = "url."
"""Of the ids under which subscriptions of a URL are kept, whose clients do not choose any."""
LOADED_AGAIN_MS: Final = 500
"""After its browser closed the connection, what is back sooner is a page that was loaded anew, and was not
there before. SDKs on a page that goes on wait for a second."""
AWAKE_MS: Final = 5000
"""Time in which a page that has just connected takes what it is sent first."""


@dataclass(frozen=True)
class Asked:
    """A subscription as a client asks for it."""

    id: str | None
    """As the client chose it; None: it did not, and would not know it again."""
    name: str
    """On the connection."""
    channels: Sequence[str]
    """Converted."""
    queries: Sequence[Query]
    since: Since | None = None

    @cached_property
    def wants(self) -> str:
        """Tells what is asked for apart from anything else."""
        return digest_of(self.channels, self.queries)


@dataclass(frozen=True, slots=True)
class Start:
    """Where the events of a subscription begin."""

    since: int | None = None
    """They are those after this offset; None: those from now on."""
    recovered: bool | None = None
    """Whether what it missed is sent; None: it is new."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of subscriptions that a client asks for, and of the log."""

    kept: Mapping[Key, Kept] = field(default_factory=dict)
    bounds: tuple[int, int] | None = None
    """One that has got everything up to an offset between these gets the rest; None: not known."""


NOTHING_KNOWN: Final = Known()
MISSED_UNKNOWN: Final = "What was missed cannot be told just now; try again."


class Recovery:
    """What the connections of one project have missed."""

    def __init__(self, hub: Hub, database: Database, replayer: Replayer, process_id: str) -> None:
        self._hub = hub
        self._database = database
        self._replayer = replayer
        self._history = History(database)
        self._seconds = hub.settings.realtime_recovery_seconds
        self._unclaimed: dict[Receiver, Sequence[str]] = {}
        """What guests subscribed to by their URLs: some SDKs show the session a moment later."""
        self.positions: Positions = Positions(hub, database, process_id)

    def begin_round(self) -> None:
        """To be called once a second."""
        self.positions.begin_round()
        self._history.begin_round()

    def replay(self, receiver: Receiver, position: int) -> Replay:
        """A replay to a connection from ``position`` on."""
        return Replay(self._hub, self._history, receiver, self._replayer, position)

    def look_up(self, receiver: Receiver, asked: Sequence[tuple[str | None, bool]]) -> Known | None:
        """What is known of subscriptions, by their ids and whether the client says where it is.

        None if the database cannot tell just now: then :meth:`read` can.
        """
        keys = self._keys(receiver, asked)
        if not keys and not any(says for _, says in asked):
            return NOTHING_KNOWN
        found = self._database.glance(partial(_look_up, keys=keys))
        return None if found is None else self._known(keys, *found)

    async def read(self, receiver: Receiver, asked: Sequence[tuple[str | None, bool]]) -> Known:
        """The same, with time for it."""
        keys = self._keys(receiver, asked)
        return self._known(keys, *await self._database.read(partial(_look_up, keys=keys), lane="history"))

    def _known(self, keys: Sequence[Key], found: dict[Key, Kept], bounds: tuple[int, int]) -> Known:
        return Known(self.positions.brought_up(keys, found), bounds)

    def starts(self, receiver: Receiver, asked: Sequence[Asked], known: Known) -> list[Start]:
        """Where the events of each of some subscriptions begin. Nothing is changed yet."""
        return [self._start(receiver, each, known) for each in asked]

    def keep(self, receiver: Receiver, asked: Sequence[Asked]) -> None:
        """Remember subscriptions that were made, for when the client makes them again."""
        for each in asked:
            held = receiver.subscriptions.get(each.name)
            key = self._key(receiver, each.id)
            if held is None or key is None:
                continue
            position = held.since if receiver.replay is not None else max(held.since, self._reached(receiver))
            self.positions.take(receiver, each.name, key, each.wants, position)

    def keep_again(self, receiver: Receiver) -> None:
        """The connection is another user's now: remember its subscriptions as theirs."""
        names = [name for name, _ in self.positions.held(receiver)]
        for name in names:
            self.positions.drop(receiver, name)
        held = [receiver.subscriptions[name] for name in names if name in receiver.subscriptions]
        self.keep(receiver, [Asked(each.id, each.id, each.channels, each.queries) for each in held])

    def await_session(self, receiver: Receiver, names: Sequence[str]) -> None:
        """The subscriptions of a guest's URL are known when a session is shown: see :meth:`claim`."""
        if receiver.acknowledges and self._seconds:
            self._unclaimed[receiver] = names

    async def claim(self, receiver: Receiver, session_id: str) -> None:
        """A guest has shown a session: what its URL asks for goes on where it was with that session."""
        names = self._unclaimed.pop(receiver, ())
        held = [receiver.subscriptions[name] for name in names if name in receiver.subscriptions]
        asked = [
            Asked(url_key(session_id, each.channels, each.queries), each.id, each.channels, each.queries)
            for each in held
        ]
        known = await self.read(receiver, [(each.id, False) for each in asked]) if asked else NOTHING_KNOWN
        if not receiver.roles:
            return  # it ended meanwhile
        came_back = [(each, self._known_start(receiver, each, known)) for each in asked]
        for each, start in came_back:
            if start.recovered:
                wanted = Filter.of(each.queries)
                self._hub.subscribe(receiver, each.name, each.channels, wanted, start.since)
        self._hub.replay(receiver, [each.name for each, start in came_back if start.recovered])
        self.keep(receiver, asked)

    def drop(self, receiver: Receiver, name: str) -> None:
        """A client ended a subscription."""
        self.positions.drop(receiver, name)

    def lose(self, receiver: Receiver) -> None:
        """A connection ended; its subscriptions are there still."""
        self._unclaimed.pop(receiver, None)
        if not receiver.left:
            self.positions.lose(receiver)
            return
        of_url = [name for name, key in self.positions.held(receiver) if key[1].startswith(URL_PREFIX)]
        if receiver.page is not None and receiver.left == CloseCode.GOING_AWAY:
            # Browsers close so what a page had open that is left, and what one had open that wakes. The first
            # may be loaded again at once. The other comes back, and was awake when it came last.
            self.positions.lose(receiver, away=of_url, read=self._seen(receiver, receiver.page))
        else:
            # Who ends a connection that names its subscriptions in the URL, and makes it again, begins anew.
            self.positions.lose(receiver, for_good=of_url)

    def _seen(self, receiver: Receiver, page: Reading) -> int:
        """What was committed before a page connected, if it is with the page since; 0: it may not be.

        Or pages that follow each other quickly, none of which shows anything of what it has read, would get
        what came since the first of them, more and more.
        """
        since_ms = now() - receiver.number // 1000
        arrived = receiver.replay is None and self._hub.acknowledgements.arrived(receiver) >= page.opened
        return page.opened if arrived and since_ms >= AWAKE_MS else 0

    def _start(self, receiver: Receiver, asked: Asked, known: Known) -> Start:
        if asked.since is not None:
            of_this_log = not asked.since.epoch or asked.since.epoch == self._hub.epoch
            return self._judged(asked.since.offset, known, lost=not of_this_log)
        if asked.name in receiver.subscriptions:
            return Start()  # it changes what it has
        return self._known_start(receiver, asked, known)

    def _known_start(self, receiver: Receiver, asked: Asked, known: Known) -> Start:
        key = self._key(receiver, asked.id)
        kept = known.kept.get(key) if key is not None else None
        if kept is None:
            return Start()
        if kept.away and 0 <= now() - kept.lost_at < LOADED_AGAIN_MS:
            return Start()
        late = kept.lost_at > 0 and now() - kept.lost_at > self._seconds * 1000
        changed = kept.wants != asked.wants or kept.epoch != self._hub.epoch
        return self._judged(kept.position, known, lost=late or changed)

    def _judged(self, offset: int, known: Known, *, lost: bool) -> Start:
        """``lost``: the offset means nothing here any more."""
        # If the bounds cannot be told just now, the replay finds out that something is missing.
        first, last = known.bounds or (0, offset)
        near = last - offset <= self._hub.settings.realtime_max_replay_events
        recovered = not lost and first <= offset <= last and near
        self._replayer.meters.recovered["yes" if recovered else "no"] += 1
        return Start(offset, recovered=True) if recovered else Start(recovered=False)

    def _reached(self, receiver: Receiver) -> int:
        return self._hub.acknowledgements.position(receiver) if receiver.sent else 0

    def _keys(self, receiver: Receiver, asked: Sequence[tuple[str | None, bool]]) -> list[Key]:
        keys = [self._key(receiver, name) for name, says in asked if not says]
        return [key for key in keys if key is not None]

    def _key(self, receiver: Receiver, name: str | None) -> Key | None:
        """What the subscription ``name`` of a client is kept under; None if it is not.

        Ids of guests, and with keys that have no id, must be such that no other client has them by accident.
        """
        if not self._seconds or not receiver.acknowledges or name is None or name == LITERAL_ID:
            return None
        if receiver.login is not None and receiver.login.foreign:
            return None
        key = self._hub.programs.key_of(receiver) if self._hub.programs is not None else None
        known = receiver.user_id if key is None else key.id
        if not known and len(name) < GUEST_ID_LENGTH:
            return None
        if key is not None:
            return f"key:{key.id}", name
        return receiver.user_id, name


def url_key(session_id: str, channels: Sequence[str], queries: Sequence[Query]) -> str:
    """Under which a subscription of a URL is kept, of somebody who is signed in."""
    digest = blake2b(f"{session_id} ".encode(), digest_size=16)
    digest.update(digest_of(channels, queries).encode())
    return URL_PREFIX + digest.hexdigest()


def _look_up(log: Connection, keys: Sequence[Key]) -> tuple[dict[Key, Kept], tuple[int, int]]:
    return stored.find(log, keys), (trimmed_offset(log), last_offset(log))
