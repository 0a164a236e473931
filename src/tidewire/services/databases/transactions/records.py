"""Transactions as they are kept: found, shown, and the rows that they are about watched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update

from tidewire.core import models
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.time import format_datetime, now
from tidewire.services.context import Context
from tidewire.services.databases.conflicts import require_seen
from tidewire.services.databases.families import Call
from tidewire.services.databases.transactions.actions import Operation
from tidewire.store.identities import user_identity
from tidewire.store.schema import transaction_operations, transaction_rows, transactions
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.rows import find_row
from tidewire.store.user_tables.tables import find_table

Place = tuple[str, str, str]
"""Ids of database, table and row."""

_KEY = ("transaction_sequence", "database_id", "table_id", "row_id")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def kind_of(call: Call) -> str:
    """What the transactions of a family are about; those of tables and of collections are the same."""
    return call.family.reaches[0]


def find_transaction(connection: Connection, call: Call, transaction_id: str) -> Row[Any]:
    """A transaction, for who made it and for servers. Raises ``transaction_not_found``."""
    of_id = (transactions.c.id == transaction_id) & (transactions.c.kind == kind_of(call))
    row = connection.execute(select(transactions).where(of_id)).one_or_none()
    caller = call.context.caller
    if row is None or not (caller.bypasses_permissions or _owns(caller, row)):
        raise TidewireError("transaction_not_found", "There is no transaction with this id.")
    return row


def find_pending(connection: Connection, call: Call, transaction_id: str) -> Row[Any]:
    """A transaction that can still be used.

    Raises ``transaction_not_found``, ``transaction_not_ready`` or ``transaction_expired``.
    """
    row = find_transaction(connection, call, transaction_id)
    if row.status != "pending":
        message = f"The transaction is not pending any more: its status is {row.status}. Begin another one."
        raise TidewireError("transaction_not_ready", message)
    if row.expires_at <= now():
        raise TidewireError("transaction_expired", "The transaction has expired. Begin another one.")
    return row


def _owns(caller: Caller, row: Row[Any]) -> bool:
    return caller.kind == "user" and bool(row.owner_id) and caller.user_id == row.owner_id


def transaction_of(row: Row[Any]) -> models.Transaction:
    """The transaction as the API shows it."""
    return models.Transaction(
        id=row.id,
        created_at=format_datetime(row.created_at),
        updated_at=format_datetime(row.updated_at),
        status=row.status,
        operations=row.operations,
        expires_at=format_datetime(row.expires_at),
    )


def end_transaction(connection: Connection, row: Row[Any], status: str) -> models.Transaction:
    """Give a transaction its last status; what was staged goes."""
    for table in (transaction_operations, transaction_rows):
        connection.execute(delete(table).where(table.c.transaction_sequence == row.sequence))
    connection.execute(
        update(transactions)
        .where(transactions.c.sequence == row.sequence)
        .values(status=status, updated_at=now(), size=0)
    )
    return transaction_of(shown_again(connection, row))


def shown_again(connection: Connection, row: Row[Any]) -> Row[Any]:
    """The transaction as it is now."""
    return connection.execute(select(transactions).where(transactions.c.sequence == row.sequence)).one()


def add_operations(
    connection: Connection, call: Call, row: Row[Any], operations: Sequence[Operation]
) -> None:
    """Stage operations. Raises ``transaction_limit_exceeded``."""
    settings, caller = call.context.settings, call.context.caller
    if row.operations + len(operations) > settings.transaction_max_operations:
        message = f"A transaction takes at most {settings.transaction_max_operations} operations."
        raise TidewireError("transaction_limit_exceeded", message)
    texts = [_encode(operation.arguments).decode() for operation in operations]
    size = row.size + sum(map(len, texts))
    if size > settings.transaction_max_bytes:
        message = f"The operations of a transaction have at most {settings.transaction_max_bytes} bytes."
        raise TidewireError("transaction_limit_exceeded", message)
    stager = {"stager_kind": caller.kind, "stager_id": caller.user_id if caller.kind == "user" else ""}
    connection.execute(
        insert(transaction_operations),
        [
            {
                "transaction_sequence": row.sequence,
                **stager,
                "action": operation.action,
                "arguments": text,
            }
            for operation, text in zip(operations, texts, strict=True)
        ],
    )
    connection.execute(
        update(transactions)
        .where(transactions.c.sequence == row.sequence)
        .values(operations=row.operations + len(operations), size=size, updated_at=now())
    )


def staged_operations(connection: Connection, call: Call, row: Row[Any]) -> list[tuple[Call, Operation]]:
    """What is staged, in order, each with a call of who staged it, with the rights that they have now."""
    found = connection.execute(
        select(transaction_operations)
        .where(transaction_operations.c.transaction_sequence == row.sequence)
        .order_by(transaction_operations.c.sequence)
    ).all()
    calls: dict[tuple[str, str], Call] = {}
    staged = []
    for each in found:
        stager = (each.stager_kind, each.stager_id)
        if stager not in calls:
            calls[stager] = replace(call, context=_context_of(connection, call.context, *stager))
        staged.append((calls[stager], Operation(each.action, _decode(each.arguments))))
    return staged


def _context_of(connection: Connection, context: Context, kind: str, user_id: str) -> Context:
    caller = context.caller
    if kind != "user":
        caller = Caller("key", None, ("any",))
    elif caller.kind != "user" or caller.user_id != user_id:
        identity = user_identity(connection, user_id)
        if identity is None or not identity.account.status:
            # Who is gone or blocked may do nothing.
            caller = Caller("user", None, ())
        else:
            caller = Caller("user", identity, ("any", *identity.roles))
    return replace(context, caller=caller, requested_at=None)


def fingerprint(row: StoredRow | None) -> str:
    """Another text for anything else that a row can hold; empty for no row."""
    return "" if row is None else blake2b(repr(row).encode(), digest_size=16).hexdigest()


def watch_rows(
    connection: Connection, call: Call, row: Row[Any], places: Iterable[Place], *, written: bool
) -> None:
    """Remember what rows are like, unless the transaction has done so before.

    Raises ``transaction_limit_exceeded``, and ``row_update_conflict`` if a row that is ``written`` is newer
    than what the client says that it has seen.
    """
    known = _watched(connection, row)
    for place in dict.fromkeys(places):
        if place in known and (known[place] or not written):
            continue
        stored = stored_row(connection, call, place)
        if written:
            require_seen(call, stored)
        key = dict(zip(_KEY, (row.sequence, *place), strict=True))
        if place in known:
            of_place = [transaction_rows.c[name] == value for name, value in key.items()]
            connection.execute(update(transaction_rows).where(*of_place).values(written=True))
        else:
            values = {**key, "fingerprint": fingerprint(stored), "written": written}
            connection.execute(insert(transaction_rows), values)
        known[place] = written
    limit = call.context.settings.transaction_max_rows
    if len(known) > limit:
        message = f"A transaction can be about at most {limit} rows."
        raise TidewireError("transaction_limit_exceeded", message)


def _watched(connection: Connection, row: Row[Any]) -> dict[Place, bool]:
    """The rows that a transaction is about, and whether it changes them."""
    found = connection.execute(
        select(transaction_rows).where(transaction_rows.c.transaction_sequence == row.sequence)
    )
    return {(each.database_id, each.table_id, each.row_id): each.written for each in found}


def stored_row(connection: Connection, call: Call, place: Place) -> StoredRow | None:
    """A row as it is in its table."""
    database_id, table_id, row_id = place
    table = find_table(connection, call.context.encryption, database_id, table_id, disabled=True)
    return None if table is None else find_row(connection, table, row_id)


def require_unchanged(connection: Connection, call: Call, row: Row[Any]) -> None:
    """Raise ``transaction_conflict`` if a row that was staged is not what it was then."""
    watched = connection.execute(
        select(transaction_rows).where(
            transaction_rows.c.transaction_sequence == row.sequence, transaction_rows.c.written
        )
    )
    for each in watched.all():
        place = (each.database_id, each.table_id, each.row_id)
        if fingerprint(stored_row(connection, call, place)) != each.fingerprint:
            word = call.family.word("row")
            message = (
                f"The {word} {each.row_id!r} was changed by others since the transaction read or staged it."
            )
            raise TidewireError("transaction_conflict", f"{message} Nothing was committed; try again.")
