"""Positions: what is kept of the subscriptions of a project, so that a client that comes back misses nothing.

A client that comes back shows nothing but the ids of its subscriptions. What they wanted, whose they are and
how far they have got stands in the project's database. It is written a moment after it changed, many changes
at a time, so that other processes have it, and so has this one after it was killed. Nothing that happens
often writes anything: all connections that keep up share one position, which is noted once a second, and all
pages that keep up share another, since what they have read shows later
(:mod:`tidewire.realtime.receivers.page_progress`).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final

import structlog

from tidewire.core.queries import Query
from tidewire.core.realtime_queries import normal_form
from tidewire.core.time import now
from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.fanout.log_progress import LogProgress
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.recovery.write_behind import WriteBehind
from tidewire.settings import Settings
from tidewire.store.engine.database import Database, DatabaseClosedError, Transaction
from tidewire.store.records import positions as stored
from tidewire.store.records.positions import STEP, Holder, Kept, Key, Note

WRITE_SECONDS: Final = 0.05
"""Time after which a change is written; others join it meanwhile, unless a whole step waits already."""
RETRY_SECONDS: Final = 1.0
LAGGING_ROUNDS: Final = 5
"""Rounds behind after which a connection does not hold the position of the process back any more."""
PAGE_ROUNDS: Final = 150
"""Rounds behind for a page: in this time come two messages of a tab that was hidden for long."""
GUEST_ID_LENGTH: Final = 16
"""Characters that the id of a guest's subscription must have to be kept: shorter ones may be another's."""

Shared = tuple[int, int]
"""The positions of a process: the one that most of its connections share, and that of its pages."""

_log: Final = structlog.get_logger(__name__)


def digest_of(channels: Iterable[str], queries: Sequence[Query]) -> str:
    """A digest of what a subscription wants, whatever the order of its channels and queries."""
    digest = blake2b(digest_size=16)
    for part in (*sorted(set(channels)), "", *sorted(map(normal_form, queries))):
        digest.update(b"%d:" % len(part))
        digest.update(part.encode(errors="surrogatepass"))
    return digest.hexdigest()


class _Held:
    """The kept subscriptions of one connection."""

    __slots__ = ("_kept", "receiver")

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._kept: dict[str, str | Key] = {}
        """Keys by the id of the subscription on the connection: only the owner of the key where its id is the
        same, else the whole key.

        There are so many that most keys are put together when they are asked for.
        """

    def put(self, name: str, key: Key) -> None:
        self._kept[name] = key[0] if key[1] == name else key

    def pop(self, name: str) -> Key | None:
        kept = self._kept.pop(name, None)
        return (kept, name) if isinstance(kept, str) else kept

    def items(self) -> list[tuple[str, Key]]:
        return [(name, (kept, name) if isinstance(kept, str) else kept) for name, kept in self._kept.items()]


class Positions:
    """The kept subscriptions of one project: what this process knows and the database may not have yet."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        progress: LogProgress,
        acknowledgements: Acknowledgements,
        process_id: str,
    ) -> None:
        self._database = database
        self._most: Final = settings.realtime_max_kept
        self._progress = progress
        self._acknowledgements = acknowledgements
        self._process_id = process_id
        self._held: dict[int, _Held] = {}
        """Connections with kept subscriptions, by number."""
        self._taken: WriteBehind[Key, Kept] = WriteBehind()
        self._notes: WriteBehind[tuple[Key, Holder], Note] = WriteBehind()
        self._shared: Shared = (0, 0)
        """The shared positions that were noted last."""
        self._unwritten: Shared | None = None
        self._overlap = math.ceil(settings.realtime_overlap_seconds)
        self._rounds: Final = (max(LAGGING_ROUNDS, self._overlap), PAGE_ROUNDS)
        self._settled: deque[int] = deque(maxlen=max(self._rounds) + 1)
        """The settled offset of each of the last rounds."""
        self._lagging: dict[Receiver, int] = {}
        """Connections with exact positions of their own, and the positions that were noted of them."""
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self.count: int = 0
        """How many subscriptions the database keeps, as of the last writing."""

    def brought_up(self, keys: Sequence[Key], found: dict[Key, Kept]) -> dict[Key, Kept]:
        """Bring what was found in the database up to what this process knows."""
        for key in keys:
            kept = self._taken.get(key) or found.get(key)
            if kept is None:
                continue
            note = self._notes.get((key, kept.holder))
            if note is not None:
                kept = replace(
                    kept,
                    position=note.position,
                    exact=note.exact,
                    lost_at=note.lost_at,
                    away=note.away,
                )
            if note is not None and note.dropped:
                found.pop(key, None)
                continue
            held = self._held.get(kept.connection) if kept.process == self._process_id else None
            if held is not None and not kept.lost_at:
                position = self._acknowledgements.position(held.receiver)
                kept = replace(kept, position=max(kept.position, position))
            found[key] = kept
        return found

    def take(self, receiver: Receiver, name: str, key: Key, wants: str, position: int) -> None:
        """Keep the subscription ``name`` of a connection, which has got to ``position``, under ``key``."""
        if self.count + len(self._taken) >= self._most:
            return
        if not receiver.recoverable:
            # Events of this round may have been sent without asking; the next one is asked about.
            receiver.recoverable = True
            receiver.round, receiver.fast_round = 0, -1
        held = self._held.get(receiver.number)
        if held is None:
            held = self._held[receiver.number] = _Held(receiver)
        held.put(name, key)
        behind = position < self._acknowledgements.settled
        if behind:
            self._lagging[receiver] = -1
        kept = Kept(
            *key,
            self._process_id,
            receiver.number,
            wants,
            self._progress.epoch,
            position,
            exact=behind,
            page=receiver.page is not None,
        )
        self._taken.put(key, kept)
        self._notes.discard((key, kept.holder))
        self._write_soon()

    def drop(self, receiver: Receiver, name: str) -> None:
        """A client ended a subscription: it will not want it back."""
        held = self._held.get(receiver.number)
        key = held.pop(name) if held is not None else None
        if key is not None:
            self._note(receiver, key, Note(0, exact=True, dropped=True))

    def lose(
        self, receiver: Receiver, *, for_good: Collection[str] = (), away: Collection[str] = (), read: int = 0
    ) -> None:
        """Note that a connection ended; to be called while it still has its subscriptions.

        ``for_good``: the subscriptions that the client will not want back. ``away``: those that it may want
        back or begin anew, since its browser ended the connection; these have got at least to ``read``.
        """
        held = self._held.pop(receiver.number, None)
        self._lagging.pop(receiver, None)
        if held is None:
            return
        position, moment = self._acknowledgements.position(receiver), now()
        for name, key in held.items():
            subscription = receiver.subscriptions.get(name)
            since = subscription.since if subscription is not None else 0
            left = name in away
            reached = max(since, position, read if left else 0)
            self._note(receiver, key, Note(reached, True, moment, left, name in for_good))

    def held(self, receiver: Receiver) -> list[tuple[str, Key]]:
        """The kept subscriptions of a connection, as pairs of the id on it and the key."""
        held = self._held.get(receiver.number)
        return held.items() if held is not None else []

    def begin_round(self) -> None:
        """Ask for acknowledgements, and note what they have shown since the last round."""
        acknowledgements = self._acknowledgements
        waiting = acknowledgements.begin_round()
        self._settled.append(acknowledgements.settled)
        limits = [self._settled[max(0, len(self._settled) - 1 - rounds)] for rounds in self._rounds]
        reached = [acknowledgements.settled, acknowledgements.settled]
        for receiver in waiting:
            if acknowledgements.leaves_unanswered(receiver) and receiver.all_has_arrived():
                self._count_as_taken(receiver)
            position = acknowledgements.position(receiver)
            kind = receiver.page is not None
            if receiver.replay is not None or position < limits[kind]:
                self._lagging.setdefault(receiver, -1)
            elif receiver not in self._lagging:
                reached[kind] = min(reached[kind], position)
        self._note_lagging(limits, reached)
        shared = (max(reached[0], self._shared[0]), max(reached[1], self._shared[1]))
        if shared != self._shared and self._held:
            self._unwritten = self._shared = shared
            self._write_soon()

    async def written(self) -> None:
        """Return when everything that is known now is in the database."""
        while self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """Write what is not written yet."""
        self._closing.set()
        await self.written()

    def _count_as_taken(self, receiver: Receiver) -> None:
        """Take what was written a while ago as received by a client that answers no pings.

        Everything has arrived at its machine; nobody can know more.
        """
        taken = self._settled[-1 - self._overlap] if len(self._settled) > self._overlap else 0
        receiver.acknowledged = max(receiver.acknowledged, min(receiver.sent, taken))

    def _note_lagging(self, limits: Sequence[int], reached: list[int]) -> None:
        """Note how far the connections that lag have got.

        Those within the ``limits`` hold the shared positions back, ``reached``, until they have got to where
        these were, and share them from then on.
        """
        for receiver, noted in list(self._lagging.items()):
            position = self._acknowledgements.position(receiver)
            kind = receiver.page is not None
            if receiver.replay is None and position >= limits[kind]:
                reached[kind] = min(reached[kind], position)
                if position >= self._shared[kind]:
                    del self._lagging[receiver]
                    self._note_all(receiver, position, exact=False)
                    continue
            if position != noted:
                self._lagging[receiver] = position
                self._note_all(receiver, position, exact=True)

    def _note_all(self, receiver: Receiver, position: int, *, exact: bool) -> None:
        for name, key in self.held(receiver):
            subscription = receiver.subscriptions.get(name)
            if subscription is not None:
                self._note(receiver, key, Note(max(position, subscription.since), exact))

    def _note(self, receiver: Receiver, key: Key, note: Note) -> None:
        self._notes.put((key, (self._process_id, receiver.number)), note)
        self._write_soon()

    def _write_soon(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(
                self._write_all(), name=f"positions of {self._database.project_id}"
            )

    async def _write_all(self) -> None:
        try:
            while self._taken or self._notes or self._unwritten is not None:
                if len(self._taken) + len(self._notes) < STEP and not self._closing.is_set():
                    await _pause(self._closing, WRITE_SECONDS)
                try:
                    await self._write_some()
                except DatabaseClosedError:
                    return  # the project was deleted
                except Exception:
                    _log.exception("positions not written", project=self._database.project_id)
                    if self._closing.is_set():
                        return
                    await _pause(self._closing, RETRY_SECONDS)
        finally:
            self._task = None

    async def _write_some(self) -> None:
        """Write a step; its values are kept until they are committed, because others may ask for them."""
        taken = self._taken.step(STEP)
        notes = self._notes.step(STEP - len(taken))
        shared = self._unwritten if self._taken.all_begun and self._notes.all_begun else None
        # What ended connections left behind makes room for those that are here now.
        filled = self._most - min(STEP, self._most // 10)

        def unit(transaction: Transaction) -> int:
            connection = transaction.connection
            changed = [(key, holder, note) for (key, holder), note in notes.items()]
            stored.write(connection, list(taken.values()), changed)
            if shared is not None:
                stored.reach(connection, self._process_id, *shared)
            count = stored.count(connection)
            return count if count <= filled else count - stored.forget(transaction, 0, filled)

        try:
            self.count = await self._database.write(unit)
        except BaseException:
            self._taken.begin_again(taken)
            self._notes.begin_again(notes)
            raise
        self._taken.written(taken)
        self._notes.written(notes)
        if shared is not None and self._unwritten == shared:
            self._unwritten = None


async def _pause(closing: asyncio.Event, seconds: float) -> None:
    """Wait for a while, or until the server stops."""
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return
