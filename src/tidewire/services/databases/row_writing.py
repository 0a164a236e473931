"""Rows written within a unit of work: permissions, the change, its event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tidewire.core.channels import Parent
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.identities import Caller
from tidewire.core.time import format_datetime
from tidewire.services.databases.events import ROW, make_event, row_parameters
from tidewire.services.databases.families import Call
from tidewire.services.databases.row_values import (
    changes_nothing,
    completed,
    require_fitting,
    require_size,
)
from tidewire.services.permissions import may, permissions_of_new_item, require_grantable, unauthorized
from tidewire.store.database import Transaction
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.rows import (
    Changes,
    DuplicateRowError,
    DuplicateValueError,
    delete_row,
    insert_row,
    permissions_of,
    update_row,
)
from tidewire.store.user_tables.tables import DOCUMENT, SYSTEM_COLUMNS, UserTable

_encode = msgspec.json.Encoder().encode

Fields = dict[str, Any]
"""A row as on the wire."""


@dataclass(frozen=True)
class NewRow:
    """A row made ready to be written: all that can be done before anything is locked."""

    table: UserTable
    id: str
    permissions: list[str]
    changes: Changes
    fields: Fields
    """Without ``$sequence``."""
    event: Event
    """Without payload."""


def prepare_row(
    call: Call,
    table: UserTable,
    row_id: str,
    changes: Changes,
    given: Sequence[str] | None,
    action: str = "create",
) -> NewRow:
    """Make a row ready. Raises ``user_unauthorized`` if the caller may not create it, or grant so much."""
    caller = call.context.caller
    if not may(caller, "create", table.permissions):
        raise unauthorized("create", f"a {call.family.word('row')} here")
    permissions = permissions_of_new_item(caller, given)
    if table.document is not None:
        require_size(call, changes.values[DOCUMENT])
    presented = table.presented(changes.values)
    fields = {
        "$id": row_id,
        **_system_fields(call, table),
        "$createdAt": format_datetime(changes.created_at or changes.updated_at),
        "$updatedAt": format_datetime(changes.updated_at),
        "$permissions": permissions,
        **presented,
    }
    event = _event(call, table, action, row_id, fields)
    return NewRow(table, row_id, permissions, changes, fields, event)


def write_row(transaction: Transaction, call: Call, row: NewRow) -> msgspec.Raw:
    """Write a new row and its event; what it returns is the row as JSON text.

    Raises ``row_already_exists`` or ``row_unique_constraint_violation``.
    """
    sequence = _insert(transaction, call, row)
    payload = b'{"$sequence":"%d",' % sequence + _encode(row.fields)[1:]
    transaction.append(msgspec.structs.replace(row.event, payload=payload))
    return msgspec.Raw(payload)


def insert_silently(transaction: Transaction, call: Call, row: NewRow) -> None:
    """Write a new row that is not yet what it is going to be."""
    _insert(transaction, call, row)


def change_row(
    transaction: Transaction, call: Call, table: UserTable, row: StoredRow, changes: Changes, action: str
) -> msgspec.Raw:
    """Change a row, write its event, return what it became as JSON text.

    Raises ``user_unauthorized``, ``row_invalid_structure`` or ``row_unique_constraint_violation``.
    """
    caller = call.context.caller
    changes = completed(call, table, row, changes)
    kept = changes.permissions is None or changes.permissions == permissions_of(row)
    unchanged = kept and changes_nothing(table, row, changes)
    allowed = may_with_row(caller, "update", table, row)
    if not allowed and not (unchanged and may_with_row(caller, "read", table, row)):
        raise unauthorized("update", f"this {call.family.word('row')}")
    if changes.permissions is not None:
        require_grantable(caller, changes.permissions)
    try:
        changed = update_row(transaction.connection, table, row, changes)
    except DuplicateValueError:
        raise _duplicate_value(call) from None
    require_fitting(call, table, changed, changes)
    return publish_row(transaction, call, table, changed, action)


def remove_row(transaction: Transaction, call: Call, table: UserTable, row: StoredRow) -> msgspec.Raw:
    """Delete a row and write its event. Raises ``user_unauthorized``."""
    if not may_with_row(call.context.caller, "delete", table, row):
        raise unauthorized("delete", f"this {call.family.word('row')}")
    delete_row(transaction.connection, table, row[0])
    return publish_row(transaction, call, table, row, "delete")


def publish_row(
    transaction: Transaction, call: Call, table: UserTable, row: StoredRow, action: str
) -> msgspec.Raw:
    """Write the event of a row with all its columns; return the row as JSON text."""
    fields = shown_row(call, table, row)
    event = _event(call, table, action, row[1], fields)
    payload = _encode(fields)
    transaction.append(msgspec.structs.replace(event, payload=payload))
    return msgspec.Raw(payload)


def shown_row(
    call: Call,
    table: UserTable,
    row: StoredRow,
    keys: Sequence[str] | None = None,
    selected: frozenset[str] | None = None,
) -> Fields:
    """A row as on the wire; ``keys`` are the columns that were read, ``selected`` what of all is shown."""
    fields = {
        "$id": row[1],
        "$sequence": str(row[0]),
        **_system_fields(call, table),
        "$createdAt": format_datetime(row[2]),
        "$updatedAt": format_datetime(row[3]),
        "$permissions": msgspec.Raw(row[4].encode()) if keys is not None else permissions_of(row),
    }
    if selected is not None:
        fields = {key: value for key, value in fields.items() if key in selected}
    return fields | table.shown_values(row[len(SYSTEM_COLUMNS) :], keys, selected)


def may_with_row(caller: Caller, action: str, table: UserTable, row: StoredRow) -> bool:
    """Whether the table's grants, or the row's where they count, let the caller do ``action``."""
    if table.row_security and not may(caller, action, table.permissions):
        return may(caller, action, permissions_of(row))
    return may(caller, action, table.permissions)


def row_not_found(call: Call) -> TidewireError:
    """The error for a row that does not exist, at least for the caller."""
    word = call.family.word("row")
    return call.family.error("row_not_found", f"There is no {word} with this id.")


def _insert(transaction: Transaction, call: Call, row: NewRow) -> int:
    try:
        return insert_row(transaction.connection, row.table, row.id, row.permissions, row.changes)
    except DuplicateRowError:
        word = call.family.word("row")
        raise call.family.error("row_already_exists", f"There is a {word} with this id.") from None
    except DuplicateValueError:
        raise _duplicate_value(call) from None


def _duplicate_value(call: Call) -> TidewireError:
    word = call.family.word("row")
    message = f"There is a {word} with these values, of which there can only be one."
    return call.family.error("row_unique_constraint_violation", message)


def _system_fields(call: Call, table: UserTable) -> Fields:
    return {"$databaseId": table.database_id, call.family.word("$tableId"): table.id}


def _event(call: Call, table: UserTable, action: str, row_id: str, fields: Fields) -> Event:
    context = call.context
    return make_event(
        context.project,
        context.caller.user_id,
        call.family.word(f"{ROW}.{action}"),
        row_parameters(table.database_id, table.id, row_id),
        fields,
        table.database_type,
        Parent(table.permissions, table.row_security),
        b"{}",
    )
