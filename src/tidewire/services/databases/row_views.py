"""Rows as on the wire, their events, and who may do what with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from tidewire.core.channels import Parent
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.identities import Caller
from tidewire.core.time import format_datetime
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.events import ROW, row_parameters
from tidewire.services.permissions import may
from tidewire.services.publishing import event_outline
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.staging import FIRST_SEQUENCE
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.rows import permissions_of
from tidewire.store.user_tables.tables import SYSTEM_COLUMNS, UserTable

_encode = msgspec.json.Encoder().encode

Fields = dict[str, Any]
"""A row as on the wire."""


def publish_row(
    transaction: Transaction, call: DialectCall, table: UserTable, row: StoredRow, action: str
) -> msgspec.Raw:
    """Write the event of a row with all its columns; return the row as JSON text."""
    fields = shown_row(call, table, row)
    payload = _encode(fields)
    transaction.append(row_event(call, table, action, row[1], fields)(payload=payload))
    return msgspec.Raw(payload)


def shown_row(
    call: DialectCall, table: UserTable, row: StoredRow, selected: frozenset[str] | None = None
) -> Fields:
    """A row with all its columns as on the wire; ``selected`` are those that are shown, None: all."""
    return _shown(table, row, system_fields(call, table), permissions_of(row), None, selected)


def shown_rows(
    call: DialectCall,
    table: UserTable,
    rows: Iterable[StoredRow],
    keys: Sequence[str],
    selected: frozenset[str] | None = None,
) -> list[Fields]:
    """Rows as on the wire, only to be encoded; ``keys`` are the columns that were read of them."""
    common = system_fields(call, table)
    return [_shown(table, row, common, msgspec.Raw(row[4].encode()), keys, selected) for row in rows]


def _shown(
    table: UserTable,
    row: StoredRow,
    common: Fields,
    permissions: Any,
    keys: Sequence[str] | None,
    selected: frozenset[str] | None,
) -> Fields:
    created = format_datetime(row[2])
    fields = {
        "$id": row[1],
        "$sequence": str(row[0]) if row[0] < FIRST_SEQUENCE else "",
        **common,
        "$createdAt": created,
        "$updatedAt": created if row[3] == row[2] else format_datetime(row[3]),
        "$permissions": permissions,
    }
    fields |= table.shown_values(row[len(SYSTEM_COLUMNS) :], keys, selected)
    return fields


def may_with_row(caller: Caller, action: str, table: UserTable, row: StoredRow) -> bool:
    """Whether the table's grants, or the row's where they count, let the caller do ``action``."""
    if may_in_table(caller, action, table):
        return True
    return table.row_security and may(caller, action, permissions_of(row))


def may_in_table(caller: Caller, action: str, table: UserTable) -> bool:
    """Whether the table's grants let the caller do ``action`` with all its rows."""
    return caller.bypasses_permissions or not table.granted[action].isdisjoint(caller.roles)


def row_not_found(call: DialectCall) -> TidewireError:
    """The error for a row that does not exist, at least for the caller."""
    word = call.dialect.word("row")
    return call.dialect.error("row_not_found", f"There is no {word} with this id.")


def system_fields(call: DialectCall, table: UserTable) -> Fields:
    """What all rows of a table have in common."""
    return {"$databaseId": table.database_id, call.dialect.word("$tableId"): table.id}


def row_event(
    call: DialectCall, table: UserTable, action: str, row_id: str, fields: Fields
) -> partial[Event]:
    """The event of a row, to be called with its ``payload``: the JSON text of its ``fields``."""
    return event_outline(
        call.context.project,
        call.context.caller.user_id,
        call.dialect.word(f"{ROW}.{action}"),
        row_parameters(table.database_id, table.id, row_id),
        fields,
        Parent(table.permissions, table.row_security),
        database_type=table.database_type,
        confidential=table.holds_secrets,
    )
