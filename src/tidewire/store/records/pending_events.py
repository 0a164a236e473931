"""Events of changes in the instance's database that belong into the log of a project.

The two databases have no transaction in common. So an event is first kept beside the change, in the same
transaction of the instance's database, and then relayed: at once by the process that made the change, and in
the first round of maintenance after a crash. A project's log notes how far it was relayed to in the
transaction that writes the events, so that none is written twice.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec
from sqlalchemy import delete, insert, select

from tidewire.core.events import Event
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.schema import pending_events

_RELAYED: Final = "pending_events.relayed"
"""In the project's database: epoch of the instance's log and sequence of the last event relayed."""
_STEP: Final = 100

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


class _Pending(msgspec.Struct, frozen=True):
    sequence: int
    epoch: str
    event: Event


def keep_event(connection: Connection, project_id: str, event: Event) -> None:
    """Keep an event for the log of a project; ``connection`` is in the transaction of the change."""
    values = {
        "project_id": project_id,
        # Sequences begin again where an older copy of the instance's database was restored.
        "epoch": event_log.epoch(connection),
        "event": _encode(event).decode(),
    }
    connection.execute(insert(pending_events), values)


def projects_with_pending(connection: Connection) -> list[str]:
    """Ids of the projects that have events to be relayed."""
    return list(connection.scalars(select(pending_events.c.project_id).distinct()))


async def relay_events(platform: Database, database: Database) -> None:
    """Write the events that are kept for a project to its log, in order, each once; then forget them.

    Any number of processes may do so at the same time.
    """
    while pending := await platform.read(lambda connection: _read(connection, database.project_id)):
        await database.write(partial(_append, pending))
        await platform.write(partial(_forget, database.project_id, pending[-1].sequence))


def _read(connection: Connection, project_id: str) -> list[_Pending]:
    table = pending_events.c
    rows = connection.execute(
        select(table.sequence, table.epoch, table.event)
        .where(table.project_id == project_id)
        .order_by(table.sequence)
        .limit(_STEP)
    )
    return [_Pending(row.sequence, row.epoch, _decode(row.event)) for row in rows]


def _append(pending: list[_Pending], transaction: Transaction) -> None:
    connection = transaction.connection
    epoch, _, sequence = (read_state(connection, _RELAYED) or "").partition(" ")
    relayed = int(sequence or 0)
    new = [each for each in pending if each.epoch != epoch or each.sequence > relayed]
    for each in new:
        transaction.append(each.event)
    if new:
        write_state(connection, _RELAYED, f"{new[-1].epoch} {new[-1].sequence}")


def _forget(project_id: str, last: int, transaction: Transaction) -> None:
    table = pending_events.c
    transaction.connection.execute(
        delete(pending_events).where(table.project_id == project_id, table.sequence <= last)
    )
