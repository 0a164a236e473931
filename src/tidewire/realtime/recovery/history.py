"""History: a project's event log, read for connections that were away, and kept while others need it too.

After a restart very many clients ask for the same events within seconds. So what was read is kept for a
while, with the frames that were made of it, for all connections that come to the same offset.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from tidewire.core.events import LoggedEvent
from tidewire.realtime.fanout.log_progress import LogProgress
from tidewire.realtime.matching.matcher import Payload
from tidewire.realtime.protocol.event_frames import EventFrame
from tidewire.store.engine.database import Database
from tidewire.store.engine.event_log import read_chunk
from tidewire.store.upkeep.purging import purges

CHUNK_EVENTS: Final = 100
"""The most events that are read at once."""
CHUNK_BYTES: Final = 1024 * 1024
"""The most bytes of payloads that are read at once, except for one event that is larger."""
KEPT_BYTES: Final = 8 * 1024 * 1024
"""The most bytes of events that are kept for other connections."""
KEPT_ROUNDS: Final = 15
"""Rounds of a second for which events are kept when no connection asks for any."""
_READS: Final = 2
"""The most reads at the same time: the other readers of the database are for requests."""
_OVERHEAD: Final = 1024
"""Bytes that an event takes besides its payload, roughly."""


class TrimmedError(Exception):
    """Events that a connection still needs have been trimmed from the log."""


class PastEvent:
    """An event of the log, ready to be matched and framed for any number of connections."""

    __slots__ = ("_epoch", "_frame", "channels", "logged", "offset", "payload")

    def __init__(self, logged: LoggedEvent, epoch: str) -> None:
        self._epoch = epoch
        self.logged = logged
        self.offset = logged.offset
        self.channels = frozenset(logged.event.channels)
        self.payload = Payload(logged.event.payload)
        self._frame: EventFrame | None = None

    @property
    def frame(self) -> EventFrame:
        """The frame of the event, made when the first connection gets it."""
        if self._frame is None:
            self._frame = EventFrame(self.logged, self._epoch)
        return self._frame

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, decoded and framed."""
        return _OVERHEAD + 3 * len(self.logged.event.payload)


class History:
    """The event log of one project, read from any offset on."""

    def __init__(self, database: Database, progress: LogProgress) -> None:
        self._database = database
        self._progress = progress
        self._next: OrderedDict[int, PastEvent] = OrderedDict()
        """Events by the offset that they come next after, in the order in which they were asked for."""
        self._bytes = 0
        self._purges = 0
        """How often the log had been purged when the kept events were read."""
        self._idle = 0
        """Rounds since a connection asked for an event."""
        self._loading: dict[int, asyncio.Future[bool]] = {}
        self._reads = asyncio.Semaphore(_READS)

    def after(self, offset: int) -> PastEvent | None:
        """The next event after ``offset``; None if it has to be loaded first."""
        self._idle = 0
        event = self._next.get(offset)
        if event is not None:
            self._next.move_to_end(offset)
        return event

    def begin_round(self) -> None:
        """Forget the events if no connection has asked for a while, or the log was purged; called once a
        second."""
        self._idle += 1
        if not self._next:
            return
        counted = self._database.find_at_once(purges)
        if self._idle > KEPT_ROUNDS or (counted is not None and counted.value != self._purges):
            self._clear()

    def _clear(self) -> None:
        self._next.clear()
        self._bytes = 0

    async def load(self, offset: int) -> bool:
        """Read the events after ``offset``, so that :meth:`after` has them; False if there are none.

        Raises :class:`TrimmedError`.
        """
        loading = self._loading.get(offset)
        if loading is not None:
            await asyncio.shield(loading)
            return True  # it may have begun before the last event was committed
        loading = self._loading[offset] = asyncio.ensure_future(self._load(offset))
        loading.add_done_callback(lambda _: self._loading.pop(offset, None))
        return await asyncio.shield(loading)

    async def _load(self, offset: int) -> bool:
        async with self._reads:
            chunk, purged = await self._database.read(
                lambda log: (read_chunk(log, offset, CHUNK_EVENTS, CHUNK_BYTES), purges(log)), lane="history"
            )
        if chunk is None:
            raise TrimmedError
        if purged != self._purges:
            self._clear()
            self._purges = purged
        before = offset
        for logged in chunk:
            known = self._next.pop(before, None)
            event = self._next[before] = known or PastEvent(logged, self._progress.epoch)
            self._bytes += 0 if known else event.size
            before = logged.offset
        while self._bytes > KEPT_BYTES and len(self._next) > len(chunk):
            self._bytes -= self._next.popitem(last=False)[1].size
        return bool(chunk)
