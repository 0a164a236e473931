"""What is kept of people who were deleted, taken out of the event log, the audit log and the outboxes.

The transaction that deletes a user notes that this is to be done, so that it is done whatever happens: at
once, and if the process ends meanwhile in the next round of maintenance. Offsets stay, and every event keeps
its name, its ids and its receivers; only what else stood in its payload is gone, from the disk too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import delete, func, or_, select, update

from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.engine.state import delete_state, read_state, write_state
from tidewire.store.records.event_secrets import forget_secrets
from tidewire.store.schema import audit_log, outgoing_messages, state, targets
from tidewire.store.schema import event_log as log
from tidewire.store.secrets.encryption import SEALED
from tidewire.store.upkeep.outbox import Outbox

_PURGE: Final = "purge."
"""Followed by the id of a user: the value tells what is still to be done."""
_PURGES: Final = "purges"
"""The state that counts how often something in the event log was blanked."""
_STEP: Final = 2000
"""Events that are looked through, or rows that are deleted, in one transaction."""
_KEPT: Final = frozenset({"$id", "userId", "teamId", "roles", "confirm"})
"""The members of payloads that stay: ids, and what the server itself reads of memberships."""
_ADDRESSES: Final = ("email", "phone", "identifier", "userEmail", "userPhone")
"""Fields of payloads that hold addresses and numbers of the user."""
_log = structlog.get_logger("tidewire.store")


class _Purge(msgspec.Struct):
    until: int
    """Offset of the last event that may be about the user: the id may be given again."""
    audited: int
    """Sequence of the last entry of the audit log that may be."""
    addresses: list[str]
    position: int = 0
    """Offset up to which the log is done."""


def request_purge(connection: Connection, user_id: str, addresses: Iterable[str | None]) -> None:
    """Note that all that is kept of a user until now is to go; ``connection`` is in a transaction.

    ``addresses`` are the user's mail addresses and phone numbers. To be called before the targets go.
    """
    earlier = _read(connection, user_id)
    known = {each for each in addresses if each}.union(earlier.addresses if earlier else ())
    known.update(connection.scalars(select(targets.c.identifier).where(targets.c.user_id == user_id)))
    forget_secrets(connection, user_id)
    audited = connection.scalar(select(func.max(audit_log.c.sequence))) or 0
    purge = _Purge(event_log.last_offset(connection), audited, sorted(known))
    _write(connection, user_id, purge)


def pending_purges(connection: Connection) -> list[str]:
    """Ids of the users of whom something is still to go."""
    names = connection.scalars(select(state.c.name).where(state.c.name.startswith(_PURGE, autoescape=True)))
    return [name.removeprefix(_PURGE) for name in names]


def purges(connection: Connection) -> int:
    """Counts the purges of the event log: who keeps events of it beside it forgets them when this grows."""
    return int(read_state(connection, _PURGES) or 0)


async def purge(database: Database, outbox: Outbox, user_id: str) -> int:
    """Do what was noted for a user, in short steps between which others write; the events that were blanked.

    It may be interrupted and done again at any time, by any process.
    """
    blanked = 0
    while (step := await database.write(partial(_blank_step, user_id))) is not None:
        blanked += step
    await database.write(partial(_delete_rows, user_id))
    kept = await database.read(lambda connection: _read(connection, user_id))
    if kept is not None:
        addresses = frozenset(each.lower() for each in kept.addresses)
        await asyncio.to_thread(outbox.forget, database.project_id, addresses)
        await database.write(lambda transaction: delete_state(transaction.connection, _PURGE + user_id))
    await database.overwrite_deleted()
    return blanked


def _blank_step(user_id: str, transaction: Transaction) -> int | None:
    """Blank what a step of the log tells of the user; None at its end."""
    connection = transaction.connection
    kept = _read(connection, user_id)
    if kept is None or kept.position >= kept.until:
        return None
    end = kept.position + _STEP
    rows = connection.execute(
        select(log.c.offset, log.c.user_id, log.c.payload).where(
            log.c.offset > kept.position,
            log.c.offset <= min(end, kept.until),
            or_(log.c.user_id == user_id, log.c.pattern.startswith("presences.")),
        )
    ).all()
    addresses = set(kept.addresses)
    blanked = sum(_blank(connection, row, user_id, addresses) for row in rows)
    # The log may have been trimmed far beyond.
    kept.position = max(end, event_log.trimmed_offset(connection))
    kept.addresses = sorted(addresses)
    _write(connection, user_id, kept)
    return blanked


def _blank(connection: Connection, row: Any, user_id: str, addresses: set[str]) -> bool:
    """Blank an event if it is about the user; whether it was. Its addresses are noted."""
    if row.payload.startswith(SEALED):
        return False
    payload = msgspec.json.decode(row.payload)
    if not row.user_id and payload.get("userId") != user_id:
        return False
    addresses.update(each for name in _ADDRESSES if isinstance(each := payload.get(name), str) and each)
    left = {name: value for name, value in payload.items() if name in _KEPT}
    connection.execute(
        update(log).where(log.c.offset == row.offset).values(payload=msgspec.json.encode(left))
    )
    return True


def _delete_rows(user_id: str, transaction: Transaction) -> None:
    connection = transaction.connection
    kept = _read(connection, user_id)
    if kept is None:
        return
    write_state(connection, _PURGES, str(purges(connection) + 1))
    connection.execute(
        delete(audit_log).where(audit_log.c.user_id == user_id, audit_log.c.sequence <= kept.audited)
    )
    recipients = [each.lower() for each in kept.addresses]
    connection.execute(
        delete(outgoing_messages).where(func.lower(outgoing_messages.c.recipient).in_(recipients))
    )


def _read(connection: Connection, user_id: str) -> _Purge | None:
    value = read_state(connection, _PURGE + user_id)
    return msgspec.json.decode(value, type=_Purge) if value is not None else None


def _write(connection: Connection, user_id: str, kept: _Purge) -> None:
    write_state(connection, _PURGE + user_id, msgspec.json.encode(kept).decode())
