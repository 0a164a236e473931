"""Replays: connections that were away, or ask for what was before, get it from the event log.

While a connection is replayed to, the index holds it back: events that happen do not match it. The replay
goes through the log until it reaches the last event that was matched with everybody else; in that moment,
without any other event between, the connection is released. So at the seam nothing is lost, doubled or out of
order. Who may receive an event is judged by the roles of the connection at the time of the replay.

Replays take short turns, so that others do not wait for them, and go on as the socket drains: what they
queue for a connection is bounded, however long they are.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, Protocol

import structlog

from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.matching.role_keys import holds_role
from tidewire.realtime.protocol.frames import subscription_tail
from tidewire.realtime.receivers.subscriptions import Receiver
from tidewire.realtime.recovery.history import History, PastEvent, TrimmedError
from tidewire.realtime.runtime.meters import Meters

TURN_SECONDS: Final = 0.001
"""After which the event loop gets to serve others."""
TURN_BYTES: Final = 64 * 1024
"""Written to one connection in one turn, roughly."""

_log: Final = structlog.get_logger(__name__)


class Released(Protocol):
    """The part of a hub that a replay needs."""

    matched: int
    """Offset of the last event that was matched with connections as it happened."""
    acknowledgements: Acknowledgements

    def release(self, receiver: Receiver) -> None:
        """Give a connection the events that happen from now on."""


class Turn(Enum):
    """How a turn ended."""

    GO_ON = auto()
    NEEDS_LOG = auto()
    """The events after :attr:`Replay.position` have to be loaded."""
    BLOCKED = auto()
    """The client does not read as fast; it goes on when the socket has drained."""
    DONE = auto()


class Replay:
    """What one connection still has to get from the log."""

    __slots__ = ("covered", "history", "hub", "position", "queued", "receiver", "replayer")

    def __init__(
        self, hub: Released, history: History, receiver: Receiver, replayer: Replayer, position: int
    ) -> None:
        self.hub = hub
        self.history = history
        self.receiver = receiver
        self.replayer = replayer
        self.position = position
        """Everything up to this offset has been written."""
        self.covered: dict[str, int] = {}
        """Of subscriptions that there were before: the offset up to which they got everything."""
        self.queued = False
        """It waits for its turn, or for the log."""

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
        receiver, until = self.receiver, self.hub.matched
        messages: list[bytes] = []
        size = 0
        turn = Turn.DONE
        while self.position < until:
            event = self.history.after(self.position)
            if event is None:
                turn = Turn.NEEDS_LOG
                break
            if event.offset > until:
                self.position = until
                break
            ids = self._matching(event)
            if ids:
                message = event.frame.message(subscription_tail(ids), receiver.window)
                messages.append(message)
                size += len(message)
                receiver.sent = event.offset
                self.replayer.meters.replayed += 1
            self.position = event.offset
            if size >= TURN_BYTES or time.perf_counter() >= deadline:
                turn = Turn.GO_ON
                break
        if messages:
            self.hub.acknowledgements.write_past(receiver, b"".join(messages), self.position)
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
            replay.hub.release(replay.receiver)
        elif turn is Turn.NEEDS_LOG:
            replay.queued = True
            task = asyncio.create_task(self._load(replay))
            self._loads.add(task)
            task.add_done_callback(self._loads.discard)

    async def _load(self, replay: Replay) -> None:
        until = replay.hub.matched
        try:
            if not await replay.history.load(replay.position):
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
