"""Recovery: where in the log the events of a subscription begin, and whether it misses any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from tidewire.realtime.history import History
from tidewire.realtime.messages import Since, SubscribeRow
from tidewire.realtime.replay import Replay, Replayer
from tidewire.realtime.subscriptions import Receiver
from tidewire.store.database import Database
from tidewire.store.event_log import last_offset, trimmed_offset

if TYPE_CHECKING:
    from tidewire.realtime.hub import Hub


@dataclass(frozen=True, slots=True)
class Start:
    """Where the events of a subscription begin."""

    since: int | None = None
    """They are those after this offset; None: those from now on."""
    recovered: bool | None = None
    """Whether what it missed is sent; None: it is new."""


class Recovery:
    """What the connections of one project have missed."""

    def __init__(self, hub: Hub, database: Database, replayer: Replayer) -> None:
        self._hub = hub
        self._database = database
        self._replayer = replayer
        self._history = History(database)

    def replay(self, receiver: Receiver, position: int) -> Replay:
        """A replay to a connection from ``position`` on."""
        return Replay(self._hub, self._history, receiver, self._replayer, position)

    def starts(self, rows: Sequence[SubscribeRow]) -> list[Start]:
        """Where the events of each of some subscriptions begin."""
        wanted = [row.since for row in rows if row.since is not None]
        if not wanted:
            return [Start()] * len(rows)
        bounds = self._database.glance(_bounds)
        return [Start() if row.since is None else self._start(row.since, bounds) for row in rows]

    def _start(self, since: Since, bounds: tuple[int, int] | None) -> Start:
        known = not since.epoch or since.epoch == self._hub.epoch
        # If the bounds cannot be told just now, the replay finds out that something is missing.
        first, last = bounds or (0, since.offset)
        reachable = first <= since.offset <= last
        near = last - since.offset <= self._hub.settings.realtime_max_replay_events
        recovered = known and reachable and near
        self._replayer.meters.recovered["yes" if recovered else "no"] += 1
        return Start(since.offset, recovered=True) if recovered else Start(recovered=False)


def _bounds(log: Connection) -> tuple[int, int]:
    """The first and the last offset that one may have got everything up to and still get the rest."""
    return trimmed_offset(log), last_offset(log)
