"""What is kept of the subscriptions of a project, so that who makes them again gets what they missed.

A client that comes back shows nothing but the ids of its subscriptions. What they wanted, whose they are and
how far they have got stands in the project's database: written a moment after it changed, many at a time, so
that it is there for other processes and after the server was killed. Nothing that happens often writes
anything: all connections that keep up share one position, which is noted once a second; all pages that do
share another, since what they have read shows later (:mod:`tidewire.realtime.receivers.page_reading`).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import structlog

from tidewire.core.queries import Query
from tidewire.core.realtime_queries import normal_form
from tidewire.core.time import now
from tidewire.realtime.receivers.subscriptions import Receiver
from tidewire.realtime.recovery.write_behind import Unwritten
from tidewire.store.engine.database import Database, DatabaseClosedError, Transaction
from tidewire.store.records import positions as stored
from tidewire.store.records.positions import STEP, Holder, Kept, Key, Note

if TYPE_CHECKING:
    from tidewire.realtime.hub.hub import Hub

WRITE_SECONDS: Final = 0.05
"""After which a change is written; meanwhile others join it, unless a whole step waits already."""
RETRY_SECONDS: Final = 1.0
LAGGING_ROUNDS: Final = 5
"""Rounds behind after which a connection does not hold the position of the process back any more."""
PAGE_ROUNDS: Final = 150
"""The same for a page: two messages of a tab that was hidden for long come within."""
GUEST_ID_LENGTH: Final = 16
"""Characters that the id of a guest's subscription must have to be kept: shorter ones may be another's."""

Shared = tuple[int, int]
"""Positions of a process: that of most of its connections, and that of its pages."""

_log: Final = structlog.get_logger(__name__)


def digest_of(channels: Iterable[str], queries: Sequence[Query]) -> str:
    """Tells subscriptions apart by what they want, whatever the order."""
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
        """By the id on the connection: the subject, or the whole key if that has another id.

        There are so many that most keys are made when they are asked for.
        """

    def put(self, name: str, key: Key) -> None:
        self._kept[name] = key[0] if key[1] == name else key

    def pop(self, name: str) -> Key | None:
        kept = self._kept.pop(name, None)
        return (kept, name) if isinstance(kept, str) else kept

    def items(self) -> list[tuple[str, Key]]:
        return [(name, (kept, name) if isinstance(kept, str) else kept) for name, kept in self._kept.items()]


class Positions:
    """The kept subscriptions of one project, as far as this process knows more than the database."""

    def __init__(self, hub: Hub, database: Database, process_id: str) -> None:
        self._hub = hub
        self._database = database
        self._process_id = process_id
        self._held: dict[int, _Held] = {}
        """Connections with kept subscriptions, by number."""
        self._taken: Unwritten[Key, Kept] = Unwritten()
        self._notes: Unwritten[tuple[Key, Holder], Note] = Unwritten()
        self._shared: Shared = (0, 0)
        """What was noted last as the positions of the process."""
        self._unwritten: Shared | None = None
        self._overlap = math.ceil(hub.settings.realtime_overlap_seconds)
        self._rounds: Final = (max(LAGGING_ROUNDS, self._overlap), PAGE_ROUNDS)
        self._settled: deque[int] = deque(maxlen=max(self._rounds) + 1)
        """Where the hub was in the last rounds."""
        self._lagging: dict[Receiver, int] = {}
        """Those with exact positions of their own, and what they are as far as they were noted."""
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self.count: int = 0
        """Of how many subscriptions something is kept in the database, as of the last writing."""

    def brought_up(self, keys: Sequence[Key], found: dict[Key, Kept]) -> dict[Key, Kept]:
        """What the database has, brought up to what this process knows."""
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
                position = self._hub.acknowledgements.position(held.receiver)
                kept = replace(kept, position=max(kept.position, position))
            found[key] = kept
        return found

    def take(self, receiver: Receiver, name: str, key: Key, wants: str, position: int) -> None:
        """Keep the subscription ``name`` of a connection under ``key``: it has got to ``position``."""
        if self.count + len(self._taken) >= self._hub.settings.realtime_max_kept:
            return
        if not receiver.recoverable:
            # Events of this round may have been sent without asking; the next one is asked about.
            receiver.recoverable = True
            receiver.round, receiver.express = 0, -1
        held = self._held.get(receiver.number)
        if held is None:
            held = self._held[receiver.number] = _Held(receiver)
        held.put(name, key)
        behind = position < self._hub.acknowledgements.settled
        if behind:
            self._lagging[receiver] = -1
        kept = Kept(
            *key,
            self._process_id,
            receiver.number,
            wants,
            self._hub.epoch,
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
        """A connection ended. To be called while its subscriptions are there.

        ``for_good``: those that it will not want back. ``away``: those that it may want back or anew, since
        its browser ended it; these have got at least to ``read``.
        """
        held = self._held.pop(receiver.number, None)
        self._lagging.pop(receiver, None)
        if held is None:
            return
        position, moment = self._hub.acknowledgements.position(receiver), now()
        for name, key in held.items():
            subscription = receiver.subscriptions.get(name)
            since = subscription.since if subscription is not None else 0
            left = name in away
            reached = max(since, position, read if left else 0)
            self._note(receiver, key, Note(reached, True, moment, left, name in for_good))

    def held(self, receiver: Receiver) -> list[tuple[str, Key]]:
        """The kept subscriptions of a connection: their ids on it, and their keys."""
        held = self._held.get(receiver.number)
        return held.items() if held is not None else []

    def begin_round(self) -> None:
        """Ask for acknowledgements, and note what they have shown since the last round."""
        acknowledgements = self._hub.acknowledgements
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
        """All has arrived at the machine of a client that answers no pings: so the client has taken what was
        written a while ago, as far as anybody can know.
        """
        taken = self._settled[-1 - self._overlap] if len(self._settled) > self._overlap else 0
        receiver.acknowledged = max(receiver.acknowledged, min(receiver.sent, taken))

    def _note_lagging(self, limits: Sequence[int], reached: list[int]) -> None:
        """Note how far those that lag have got. Those within the ``limits`` hold the positions of the process
        back, ``reached``, until they are where these were, and share them from then on.
        """
        for receiver, noted in list(self._lagging.items()):
            position = self._hub.acknowledgements.position(receiver)
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
            self._task = asyncio.create_task(self._write_all(), name=f"positions of {self._hub.project_id}")

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
                    _log.exception("positions not written", project=self._hub.project_id)
                    if self._closing.is_set():
                        return
                    await _pause(self._closing, RETRY_SECONDS)
        finally:
            self._task = None

    async def _write_some(self) -> None:
        """Write a step. What is on its way is kept until it is committed: others may ask for it."""
        taken = self._taken.step(STEP)
        notes = self._notes.step(STEP - len(taken))
        shared = self._unwritten if self._taken.all_begun and self._notes.all_begun else None
        most = self._hub.settings.realtime_max_kept
        filled = most - min(STEP, most // 10)  # for who is here now what was lost makes room

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
    """Wait, but not once the server stops."""
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return
