"""Positions: how far the subscriptions of realtime clients have got, for when they come back to any process.

Each process notes now and then one position that all its subscriptions have reached, another for those of
pages in browsers, and for those that have not (``exact``), and those whose connections have ended, a position
of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import bindparam, case, delete, select, update

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.dialect import listed, upsert
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.engine.state import read_state
from tidewire.store.schema import realtime_positions, realtime_processes

STEP: Final = 500
"""The number of rows that are written in one transaction: few, so that other writers need not wait long."""
REMEMBERED: Final = 10
"""How many times the retention it is remembered that a subscription came back too late."""

Key = tuple[str, str]
"""The subject of a subscription (a user, ``key:…``, or empty for guests), and its id."""
Holder = tuple[str, int]
"""A process, and the number of a connection in it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one subscription."""

    subject: str
    id: str
    process: str
    connection: int
    wants: str
    """The digest of its channels and queries."""
    epoch: str
    position: int
    """The offset up to which everything has arrived."""
    exact: bool
    """Whether ``position`` is what counts; otherwise that of the process counts, if it is greater."""
    page: bool = False
    """Whether the position that counts is that of the process's pages."""
    lost_at: int = 0
    """When the connection ended, milliseconds since the epoch; 0: it is not known to have ended."""
    away: bool = False
    """Whether the browser ended the connection: the page was left, or woke."""

    @property
    def key(self) -> Key:
        """What the client shows to get it back."""
        return self.subject, self.id

    @property
    def holder(self) -> Holder:
        """The connection that has it, or had it last."""
        return self.process, self.connection


@dataclass(frozen=True, slots=True)
class Note:
    """What changed of a subscription that is still this connection's."""

    position: int
    exact: bool
    lost_at: int = 0
    away: bool = False
    dropped: bool = False
    """Whether the subscription was ended: nothing is to be kept of it."""


_COUNT: Final = "realtime_positions.count"
"""The value in which triggers keep the number of rows (:mod:`tidewire.store.schema.realtime`)."""
_encode: Final = msgspec.json.Encoder().encode
_p = realtime_positions.c
_COLUMNS: Final = (
    "subject", "id", "process", "connection", "wants", "epoch", "position", "exact", "page", "lost_at", "away"
)  # fmt: skip
_insert = upsert(realtime_positions).values({name: bindparam(name) for name in _COLUMNS})
_take = Prepared(
    _insert.on_conflict_do_update(
        index_elements=["subject", "id"], set_={name: _insert.excluded[name] for name in _COLUMNS[2:]}
    )
)
_held = (
    _p.subject == bindparam("subject"),
    _p.id == bindparam("id"),
    _p.process == bindparam("holder"),
    _p.connection == bindparam("number"),
)
_note = Prepared(
    update(realtime_positions)
    .where(*_held)
    .values({name: bindparam(name) for name in ("position", "exact", "lost_at", "away")})
)
_reached = case((_p.page, realtime_processes.c.pages), else_=realtime_processes.c.position)
"""The position of the process that has a subscription: it counts unless the subscription's own is exact."""
_drop = Prepared(delete(realtime_positions).where(*_held))
_find = Prepared(
    select(*(_p[name] for name in _COLUMNS), _reached.label("reached"))
    .join_from(
        realtime_positions,
        realtime_processes,
        realtime_positions.c.process == realtime_processes.c.process,
        isouter=True,
    )
    .where(
        _p.subject == bindparam("subject"),
        _p.id.in_(listed(bindparam("ids"))),
    )
)
_reach_insert = upsert(realtime_processes).values(
    {name: bindparam(name) for name in ("process", "position", "pages")}
)
_reach = Prepared(
    _reach_insert.on_conflict_do_update(
        index_elements=["process"],
        set_={name: _reach_insert.excluded[name] for name in ("position", "pages")},
    )
)


def find(connection: Connection, keys: Iterable[Key]) -> dict[Key, Kept]:
    """The subscriptions kept under some keys, with the positions that count."""
    names: dict[str, list[str]] = {}
    for subject, name in keys:
        names.setdefault(subject, []).append(name)
    found: dict[Key, Kept] = {}
    for subject, ids in names.items():
        for row in _find.fetch(connection, {"subject": subject, "ids": _encode(ids).decode()}):
            name, process, number, wants, epoch, position, exact, page, lost_at, away, reached = row[1:]
            if not exact and reached is not None:
                position = max(position, reached)
            found[subject, name] = Kept(
                subject,
                name,
                process,
                number,
                wants,
                epoch,
                position,
                bool(exact),
                bool(page),
                lost_at,
                bool(away),
            )
    return found


def write(connection: Connection, taken: Sequence[Kept], notes: Sequence[tuple[Key, Holder, Note]]) -> None:
    """Write who has which subscriptions now, then what changed of those that somebody still has."""
    _take.execute_each(connection, [{name: getattr(kept, name) for name in _COLUMNS} for kept in taken])
    changed, dropped = [], []
    for (subject, name), (process, number), note in notes:
        held = {"subject": subject, "id": name, "holder": process, "number": number}
        if note.dropped:
            dropped.append(held)
        else:
            known = {name: getattr(note, name) for name in ("position", "exact", "lost_at", "away")}
            changed.append(held | known)
    _note.execute_each(connection, changed)
    _drop.execute_each(connection, dropped)


def reach(connection: Connection, process: str, position: int, pages: int) -> None:
    """Note what all subscriptions of a process have reached, and those of pages, but for the exact ones."""
    _reach.execute(connection, {"process": process, "position": position, "pages": pages})


def count(connection: Connection) -> int:
    """The number of subscriptions that are kept."""
    return int(read_state(connection, _COUNT) or 0)


def processes(connection: Connection) -> list[str]:
    """Processes that connections with kept subscriptions are, or were, in."""
    lasting = select(_p.process).where(_p.lost_at == 0).distinct()
    reached = select(realtime_processes.c.process)
    return sorted({*connection.scalars(lasting), *connection.scalars(reached)})


def end_process(transaction: Transaction, process: str) -> int:
    """End a step of the connections of a process that was killed, as if they ended now; return how many."""
    connection = transaction.connection
    rows = connection.execute(
        select(_p.subject, _p.id, _p.connection, _p.position, _p.exact, _reached.label("reached"))
        .join_from(
            realtime_positions,
            realtime_processes,
            realtime_positions.c.process == realtime_processes.c.process,
            isouter=True,
        )
        .where(_p.process == process, _p.lost_at == 0)
        .limit(STEP)
    ).all()
    moment = now()
    write(
        connection,
        (),
        [
            (
                (row.subject, row.id),
                (process, row.connection),
                Note(row.position if row.exact else max(row.position, row.reached or 0), row.exact, moment),
            )
            for row in rows
        ],
    )
    if len(rows) < STEP:
        connection.execute(delete(realtime_processes).where(realtime_processes.c.process == process))
    return len(rows)


def forget(transaction: Transaction, until: int, maximum: int) -> int:
    """Delete a step of the subscriptions lost at or before ``until``, or too many; return how many."""
    connection = transaction.connection
    excess = max(0, count(connection) - maximum)
    lost = select(_p.subject, _p.id, _p.lost_at).where(_p.lost_at > 0).order_by(_p.lost_at).limit(STEP)
    due = [
        row for number, row in enumerate(connection.execute(lost)) if row.lost_at <= until or number < excess
    ]
    for row in due:
        connection.execute(delete(realtime_positions).where(_p.subject == row.subject, _p.id == row.id))
    return len(due)
