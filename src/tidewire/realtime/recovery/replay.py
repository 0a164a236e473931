"""Replays: connections that were away, or ask for earlier events, get them from the event log.

While a connection is replayed to, the index holds it back: live events do not match it. The replay goes
through the log until it reaches the last event that was matched with everybody else. In that moment, with no
other event in between, the connection is released. So nothing is lost, doubled or out of order where the two
meet. Whether the connection may receive an event is judged by its roles at the time of the replay.

Replays take short turns, so that others do not wait for them, and go on as the socket drains: what they queue
for a connection is bounded, however long they are.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import structlog

from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.fanout.log_progress import LogProgress
from tidewire.realtime.matching.index import Index
from tidewire.realtime.matching.role_keys import holds_role
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.recovery.history import History, PastEvent, TrimmedError
from tidewire.realtime.runtime.meters import Meters

TURN_SECONDS: Final = 0.001
"""Length of the turns of all replays, after which the event loop gets to serve others."""
TURN_BYTES: Final = 64 * 1024
"""Bytes written to one connection in one turn, roughly."""

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReplaySource:
    """What all replays of one project read from, and where they hand their connections over."""

    history: History
    index: Index
    progress: LogProgress
    acknowledgements: Acknowledgements


class Turn(Enum):
    """How a turn ended."""

    GO_ON = auto()
    NEEDS_LOG = auto()
    """The events after :attr:`Replay.position` have to be loaded first."""
    BLOCKED = auto()
    """The client does not read as fast; it goes on when the socket has drained."""
    DONE = auto()


class Replay:
    """The replay of one connection: what it still has to get from the log."""

    __slots__ = ("covered", "position", "queued", "receiver", "replayer", "source")

    def __init__(self, source: ReplaySource, receiver: Receiver, replayer: Replayer, position: int) -> None:
        self.source = source
        self.receiver = receiver
        self.replayer = replayer
        self.position = position
        """Everything up to this offset has been written."""
        self.covered: dict[str, int] = {}
        """Offsets by the ids of subscriptions that were there before: up to there each of them got
        everything."""
        self.queued = False
        """Whether it waits for its turn, or for the log."""

    def rewind(self, position: int, wanting: Mapping[str, bool], reached: int) -> None:
        """Begin earlier, at ``position``.

        ``wanting``: for each subscription whether it wants what is between; the others have got everything
        up to ``reached``.
        """
        self.position = min(self.position, position)
        for name, wants in wanting.items():
            self.covered[name] = 0 if wants else max(reached, self.covered.get(name, 0))

    def go_on(self) -> None:
        """Take a turn soon."""
        self.replayer.enter(self)

    def take_turn(self, deadline: float) -> Turn:
        """Write events until ``deadline`` (``time.perf_counter``), or as far as it goes."""
        receiver, source = self.receiver, self.source
        until = source.progress.matched
        messages: list[bytes] = []
        size = 0
        turn = Turn.DONE
        while self.position < until:
            event = source.history.after(self.position)
            if event is None:
                turn = Turn.NEEDS_LOG
                break
            if event.offset > until:
                self.position = until
                break
            ids = self._matching(event)
            if ids:
                message = event.frame.message(*receiver.address(ids))
                messages.append(message)
                size += len(message)
                receiver.sent = event.offset
                self.replayer.meters.replayed += 1
            self.position = event.offset
            if size >= TURN_BYTES or time.perf_counter() >= deadline:
                turn = Turn.GO_ON
                break
        if messages:
            source.acknowledgements.write_past(receiver, b"".join(messages), self.position)
            if receiver.congested:
                return Turn.BLOCKED
        return turn

    def _matching(self, event: PastEvent) -> list[str]:
        """The ids of the subscriptions that get an event."""
        logged = event.logged.event
        if logged.audience or not holds_role(self.receiver, logged.roles):
            return []
        offset, channels = event.offset, event.channels
        return [
            held.id
            for held in self.receiver.subscriptions.values()
            if held.since < offset
            and self.covered.get(held.id, 0) < offset
            and not channels.isdisjoint(held.channels)
            and (held.filter is None or held.filter.predicate(event.payload.values))
        ]


class Replayer:
    """All replays of a process: one turn after the other."""

    def __init__(self, meters: Meters) -> None:
        self.meters = meters
        self._ready: deque[Replay] = deque()
        self._task: asyncio.Task[None] | None = None
        self._loads: set[asyncio.Task[None]] = set()

    def enter(self, replay: Replay) -> None:
        """Give a replay its turn; it may have one already."""
        if replay.queued or replay.receiver.replay is not replay:
            return
        replay.queued = True
        self._ready.append(replay)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="replays")

    async def close(self) -> None:
        """Stop all replays."""
        tasks = [*self._loads, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._ready:
                deadline = time.perf_counter() + TURN_SECONDS
                while self._ready and time.perf_counter() < deadline:
                    self._take_turn(self._ready.popleft(), deadline)
                await asyncio.sleep(0)
        finally:
            self._task = None

    def _take_turn(self, replay: Replay, deadline: float) -> None:
        replay.queued = False
        if replay.receiver.replay is not replay:
            return  # the connection has ended
        try:
            turn = replay.take_turn(deadline)
        except Exception:
            _log.exception("replay failed", connection=replay.receiver.id)
            replay.receiver.give_up()
            return
        if turn is Turn.GO_ON:
            self.enter(replay)
        elif turn is Turn.DONE:
            replay.source.index.release(replay.receiver)
        elif turn is Turn.NEEDS_LOG:
            replay.queued = True
            task = asyncio.create_task(self._load(replay))
            self._loads.add(task)
            task.add_done_callback(self._loads.discard)

    async def _load(self, replay: Replay) -> None:
        until = replay.source.progress.matched
        try:
            if not await replay.source.history.load(replay.position):
                replay.position = max(replay.position, until)
        except TrimmedError:
            # It comes back, and is told then that it has missed something.
            replay.receiver.give_up()
        except Exception:
            _log.exception("replay failed", connection=replay.receiver.id)
            replay.receiver.give_up()
        finally:
            replay.queued = False
        self.enter(replay)
