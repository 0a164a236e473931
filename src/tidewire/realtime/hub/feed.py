"""The feed of a project: its event log, followed while somebody listens."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from tidewire.core.entitlements import change_of
from tidewire.core.events import NOBODY, LoggedEvent
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.runtime.tasks import stop
from tidewire.store.engine.database import Database
from tidewire.store.engine.event_log import epoch, last_offset, read_chunk

PAGE: Final = 200
"""Events read from the log at once."""
PAGE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of payloads read at once, except for one event that is larger."""
MAX_QUEUE: Final = 1000
"""Events of own commits that wait for their delivery; beyond it they are read from the log again."""
RETRY_SECONDS: Final = 1.0

_log: Final = structlog.get_logger(__name__)


class Feed:
    """Brings the events of one project's log to the hub, each once and in order.

    Commits of this process hand over their events. What others commit is read from the log: when
    :meth:`wake` tells of it, or when a missing offset shows it.
    """

    def __init__(
        self,
        database: Database,
        hub: Hub,
        hub_of: Callable[[LoggedEvent], Hub | None],
        send_back: Callable[[], None],
    ) -> None:
        """``send_back`` closes all connections, if events that they should get cannot be read any more."""
        self._database = database
        self._hub = hub
        self._hub_of = hub_of
        self._send_back = send_back
        self._position: int | None = None
        """Offset of the last event that was delivered; None: nobody listens."""
        self._queue: deque[LoggedEvent] = deque()
        self._behind = False
        """Whether there may be events in the log that are neither delivered nor queued."""
        self._handled = 0
        """Offset up to which everything has been delivered."""
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        """Callers that wait until the events up to an offset are handled."""
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._watcher: Callable[[LoggedEvent], None] | None = None
        database.listen(self._committed)

    async def watch(self, watcher: Callable[[LoggedEvent], None]) -> None:
        """Call ``watcher`` with each event from now on, also while the hub has no connections."""
        self._watcher = watcher
        await self.follow()

    def watch_no_more(self) -> None:
        """Call no watcher any more."""
        self._watcher = None

    @property
    def is_needed(self) -> bool:
        """Whether anybody listens: a connection, or a watcher."""
        return self._hub.connections > 0 or self._watcher is not None

    async def follow(self) -> None:
        """Deliver what is committed from now on, for as long as the feed is needed."""
        async with self._starting:
            if self._position is None:
                offset, name = await self._database.read(
                    lambda log: (last_offset(log), epoch(log)), lane="feed"
                )
                self._position = self._handled = offset
                self._hub.begin(offset, name)
                self.wake()

    def wake(self) -> None:
        """Look for new events in the log, which another process may have committed."""
        if self._is_followed():
            self._behind = True
            self._run()

    async def catch_up(self) -> None:
        """Return when all events that are committed now have been handled."""
        offset = (await self._database.find(last_offset, lane="feed")).value
        if self._position is None or offset <= self._handled:
            return
        handled = asyncio.get_running_loop().create_future()
        self._waiting.append((offset, handled))
        if offset > self._hub.progress.received:
            self.wake()
        self._run()
        await handled

    async def close(self) -> None:
        """Stop delivering."""
        await stop(self._task)

    def _committed(self, events: Sequence[LoggedEvent]) -> None:
        if not self._is_followed():
            return
        self._hub.progress.received = max(self._hub.progress.received, events[-1].offset)
        if len(self._queue) + len(events) > MAX_QUEUE:
            self._queue.clear()
            self._behind = True
        else:
            self._queue.extend(events)
        self._run()

    def _is_followed(self) -> bool:
        if not self.is_needed and self._task is None:
            self._position = None
        return self._position is not None

    def _run(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._deliver_all(), name=f"feed of {self._hub.project_id}")

    async def _deliver_all(self) -> None:
        try:
            while self._behind or self._queue:
                try:
                    await self._deliver_some()
                except Exception:
                    _log.exception("feed interrupted", project=self._hub.project_id)
                    await self._hub.flush()
                    self._behind = True
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._task = None
            self._settle(math.inf)

    async def _deliver_some(self) -> None:
        if self._behind:
            self._behind = False
            await self._catch_up()
            return
        assert self._position is not None
        logged = self._queue.popleft()
        if logged.offset > self._position + 1:
            await self._catch_up(before=logged.offset)
        await self._deliver(logged, more=bool(self._queue))

    async def _catch_up(self, before: float = math.inf) -> None:
        """Deliver what the log holds after the position, up to the event at offset ``before``."""
        await self._hub.flush()
        while True:
            position = self._position
            assert position is not None
            unit = partial(read_chunk, offset=position, limit=PAGE, max_bytes=PAGE_BYTES)
            page = await self._database.read(unit, lane="feed")
            if page is None:
                await self._begin_anew()
                return
            for logged in page:
                if logged.offset >= before:
                    return
                self._hub.progress.received = max(self._hub.progress.received, logged.offset)
                await self._deliver(logged, more=logged is not page[-1])
            if not page:
                return

    async def _begin_anew(self) -> None:
        """Begin at the end of the log, because the next events were trimmed before they were read here.

        Clients come back, and are told then that they have missed something.
        """
        offset, name = await self._database.read(lambda log: (last_offset(log), epoch(log)), lane="feed")
        _log.error("events trimmed before they were delivered", project=self._hub.project_id, offset=offset)
        self._send_back()
        self._queue.clear()
        self._position = offset
        self._hub.begin(offset, name)

    async def _deliver(self, logged: LoggedEvent, *, more: bool) -> None:
        assert self._position is not None
        if logged.offset > self._position:
            await self._handle(logged, more)
        elif not more:
            await self._hub.flush()
        if not more:
            self._settle(self._position)

    async def _handle(self, logged: LoggedEvent, more: bool) -> None:
        """Match and deliver an event, the roles of connections being those of its commit."""
        change = change_of(logged.event)
        transition = await self._hub.prepare(change) if change is not None else None
        hub = self._hub_of(logged)
        if hub is not None and hub is not self._hub:
            await hub.catch_up()
        self._position = logged.offset
        if transition is not None:
            self._hub.roles.begin(transition)
        try:
            if hub is not None:
                await hub.publish(logged, more=more and transition is None and hub is self._hub)
            if self._watcher is not None and logged.event.audience != NOBODY:
                self._watcher(logged)
        except Exception:
            # Once in part delivered, it must not be delivered again.
            _log.exception("event not delivered", project=logged.project_id, offset=logged.offset)
        finally:
            if transition is not None:
                self._hub.roles.finish(transition)

    def _settle(self, offset: float) -> None:
        """Wake the callers that wait for events up to ``offset``, which have been handled."""
        if self._position is not None:
            self._handled = self._position
        waiting, self._waiting = self._waiting, []
        for wanted, handled in waiting:
            if wanted > offset:
                self._waiting.append((wanted, handled))
            elif not handled.done():
                handled.set_result(None)
