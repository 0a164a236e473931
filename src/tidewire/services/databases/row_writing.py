"""Rows written within a unit of work: permissions, the change, its event, and the rows related to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.ids import unique_id
from tidewire.core.permissions import expand_permissions
from tidewire.core.time import format_datetime
from tidewire.services.databases.cascades import delete_with_related
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.related_links import missing_keys, name_itself, take_itself, unlink_all_but
from tidewire.services.databases.related_values import Item, Nesting, invalid_relation
from tidewire.services.databases.row_values import (
    changed_values,
    changes_nothing,
    completed,
    given_permissions,
    invalid_operation,
    new_values,
    require_fitting,
    require_size,
)
from tidewire.services.databases.row_views import (
    Fields,
    may_with_row,
    publish_row,
    row_event,
    shown_row,
    system_fields,
)
from tidewire.services.permissions import (
    ITEM_ACTIONS,
    may,
    permissions_of_new_item,
    require_grantable,
    unauthorized,
)
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.staging import FIRST_SEQUENCE
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.loading import find_related_table
from tidewire.store.user_tables.operators import NoResultError
from tidewire.store.user_tables.related_changes import add_pair
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.rows import (
    Changes,
    DuplicateRowError,
    DuplicateValueError,
    delete_row,
    find_row,
    insert_row,
    permissions_of,
    update_row,
)
from tidewire.store.user_tables.tables import DOCUMENT, UserTable

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class NewRow:
    """A row made ready to be written: all that can be done before anything is locked."""

    table: UserTable
    id: str
    permissions: list[str]
    changes: Changes
    fields: Fields
    """Without ``$sequence``."""
    event: partial[Event]
    """To be called with the payload."""


def prepare_row(
    call: DialectCall,
    table: UserTable,
    row_id: str,
    changes: Changes,
    given: Sequence[str] | None,
    action: str = "create",
    *,
    around: list[str] | None = None,
) -> NewRow:
    """Make a row ready; without permissions of its own it gets those of the row ``around`` it.

    Raises ``user_unauthorized`` if the caller may not create it, or grant so much.
    """
    caller = call.context.caller
    if not may(caller, "create", table.permissions):
        raise unauthorized("create", f"a {call.dialect.word('row')} here")
    inherits = given is None and around is not None
    permissions = around if inherits else permissions_of_new_item(caller, given)
    assert permissions is not None
    if table.document is not None:
        require_size(call, changes.values[DOCUMENT])
    presented = table.presented(changes.values)
    fields = {
        "$id": row_id,
        **system_fields(call, table),
        "$createdAt": format_datetime(changes.created_at or changes.updated_at),
        "$updatedAt": format_datetime(changes.updated_at),
        "$permissions": permissions,
        **presented,
    }
    event = row_event(call, table, action, row_id, fields)
    return NewRow(table, row_id, permissions, changes, fields, event)


def write_row(transaction: Transaction, call: DialectCall, row: NewRow) -> msgspec.Raw:
    """Write a new row, those given with it, and their events; what it returns is the row as JSON text.

    Raises ``row_already_exists``, ``row_unique_constraint_violation`` or ``relationship_value_invalid``.
    """
    return _write(transaction, call, row, Nesting(call))[1]


def insert_silently(transaction: Transaction, call: DialectCall, row: NewRow) -> None:
    """Write a new row that is not yet what it is going to be."""
    _insert(transaction, call, row)


def change_row(
    transaction: Transaction,
    call: DialectCall,
    table: UserTable,
    row: StoredRow,
    changes: Changes,
    action: str,
) -> msgspec.Raw:
    """Change a row and those given with it, write their events, return what it became as JSON text.

    Raises ``user_unauthorized``, ``row_invalid_structure``, ``row_unique_constraint_violation`` or
    ``relationship_value_invalid``.
    """
    return _change(transaction, call, table, row, changes, action, Nesting(call))


def remove_row(transaction: Transaction, call: DialectCall, table: UserTable, row: StoredRow) -> msgspec.Raw:
    """Delete a row and write its event. Raises ``user_unauthorized`` or ``row_delete_restricted``."""
    if not may_with_row(call.context.caller, "delete", table, row):
        raise unauthorized("delete", f"this {call.dialect.word('row')}")
    if table.all_relations:
        return delete_with_related(transaction, call, table, row)
    delete_row(transaction.connection, table, row[0])
    return publish_row(transaction, call, table, row, "delete")


def _write(
    transaction: Transaction, call: DialectCall, row: NewRow, nesting: Nesting
) -> tuple[int, msgspec.Raw]:
    itself = take_itself(row.table, row.id, row.changes)
    shown = _relate_before(transaction, call, row.table, row.changes, nesting, row.permissions)
    sequence = _insert(transaction, call, row)
    if itself:
        shown |= name_itself(transaction, call, row.table, row.id, itself)
    shown_sequence = b"%d" % sequence if sequence < FIRST_SEQUENCE else b""
    payload = b'{"$sequence":"%s",' % shown_sequence + _encode(row.fields)[1:]
    transaction.append(row.event(payload=payload))
    if row.changes.related:
        shown |= _relate_after(
            transaction, call, row.table, sequence, row.changes, nesting, row.permissions, new=True
        )
    return sequence, _with_related(msgspec.Raw(payload), shown)


def _change(
    transaction: Transaction,
    call: DialectCall,
    table: UserTable,
    row: StoredRow,
    changes: Changes,
    action: str,
    nesting: Nesting,
) -> msgspec.Raw:
    caller = call.context.caller
    changes = completed(call, table, row, changes)
    kept = changes.permissions is None or changes.permissions == permissions_of(row)
    unchanged = kept and not changes.related and not changes.keys and changes_nothing(table, row, changes)
    allowed = may_with_row(caller, "update", table, row)
    if not allowed and not (unchanged and may_with_row(caller, "read", table, row)):
        raise unauthorized("update", f"this {call.dialect.word('row')}")
    if changes.permissions is not None:
        require_grantable(caller, changes.permissions)
    if not allowed:
        # Who may only read leaves no trace in the row, not even the time.
        return publish_row(transaction, call, table, row, action)
    permissions = permissions_of(row) if changes.permissions is None else changes.permissions
    shown = _relate_before(transaction, call, table, changes, nesting, permissions)
    try:
        changed = update_row(transaction.connection, table, row, changes)
    except DuplicateValueError:
        raise duplicate_value(call) from None
    except NoResultError as error:
        raise invalid_operation(call, error.key, str(error)) from None
    require_fitting(call, table, changed, changes)
    payload = publish_row(transaction, call, table, changed, action)
    if changes.related:
        shown |= _relate_after(transaction, call, table, row[0], changes, nesting, permissions)
    return _with_related(payload, shown)


def _with_related(payload: msgspec.Raw, shown: Fields) -> msgspec.Raw:
    """The text of a row with what is shown of its related rows."""
    return msgspec.Raw(bytes(payload)[:-1] + b"," + _encode(shown)[1:]) if shown else payload


def _relate_before(
    transaction: Transaction,
    call: DialectCall,
    table: UserTable,
    changes: Changes,
    nesting: Nesting,
    permissions: list[str],
) -> Fields:
    """Write and find the rows that the row itself is to name, and note them in ``changes``.

    ``permissions`` are those of the row.
    """
    shown: Fields = {}
    for key, items in changes.related.items():
        relation = table.relations[key]
        if not relation.own_key:
            continue
        changes.keys[relation.own_key] = shown[key] = None
        for item in items:
            related = find_related_table(transaction.connection, call.context.encryption, relation.related)
            sequence, shown[key] = _related_row(
                transaction, call, relation, related, item, {}, nesting, permissions
            )
            changes.keys[relation.own_key] = sequence
    return shown


def _relate_after(
    transaction: Transaction,
    call: DialectCall,
    table: UserTable,
    sequence: int,
    changes: Changes,
    nesting: Nesting,
    permissions: list[str],
    *,
    new: bool = False,
) -> Fields:
    """Write and find the rows that are to name the row, or to be paired with it; let the others go.

    ``permissions`` are those of the row.
    """
    shown: Fields = {}
    connection = transaction.connection
    for key, items in changes.related.items():
        relation = table.relations[key]
        if relation.own_key:
            continue
        related = find_related_table(connection, call.context.encryption, relation.related)
        if not new:
            named = {item if isinstance(item, str) else item.get("$id") for item in items}
            unlink_all_but(transaction, call, table, relation, sequence, named)
        keys = {relation.related_key: sequence} if relation.related_key else {}
        views: dict[int, Any] = {}
        for item in items:
            other, view = _related_row(transaction, call, relation, related, item, keys, nesting, permissions)
            if relation.pairs is not None:
                add_pair(connection, table, relation, sequence, other)
            views[other] = view
        visible = [view for view in views.values() if view is not None]
        shown[key] = visible if relation.many else (visible or [None])[0]
    return shown


def _related_row(
    transaction: Transaction,
    call: DialectCall,
    relation: Relation,
    related: UserTable,
    item: Item,
    keys: Mapping[str, int],
    nesting: Nesting,
    around: list[str],
) -> tuple[int, Any]:
    """The sequence of a related row, written if that was asked for, and as it is shown: None if it is hidden.

    ``keys`` are what it is to name, ``around`` the permissions of the row that it stands in. Raises
    ``relationship_value_invalid`` or ``user_unauthorized``.
    """
    nesting = nesting.deeper(relation, item)
    if not (related.enabled or call.context.caller.bypasses_permissions):
        raise invalid_relation(call, relation, "the related table is disabled.")
    given = {"$id": item} if isinstance(item, str) else item
    back = related.back_key(relation)
    # Which row a nested one belongs to is said by where it stands, not by what it says itself.
    data = {key: value for key, value in given.items() if not keys or key != back}
    row_id = given.get("$id", "unique()")
    row = None if row_id == "unique()" else find_row(transaction.connection, related, row_id)
    readable = row is not None and may_with_row(call.context.caller, "read", related, row)
    if isinstance(item, str) and not readable:
        raise invalid_relation(call, relation, f"there is no row {item}.")
    hidden = (
        row is not None and not readable and not may_with_row(call.context.caller, "update", related, row)
    )
    if hidden and may(call.context.caller, "create", related.permissions):
        raise invalid_relation(call, relation, f"there is no row {row_id}.")
    if row is None or hidden:
        # Of a hidden row the caller is told what they are told of none: that they may not create one.
        new_id = unique_id() if row_id == "unique()" else row_id
        return _create_related(transaction, call, related, new_id, data, keys, nesting, around)
    permissions = given_permissions(data.get("$permissions"))
    changes = changed_values(call, related, data)
    changes.permissions = expand_permissions(permissions, ITEM_ACTIONS)
    if changes.permissions == permissions_of(row):
        changes.permissions = None
    changes.keys.update(missing_keys(transaction, call, relation, related, row, keys))
    kept = changes.permissions is None and not changes.keys and not changes.related
    if kept and changes_nothing(related, row, changes):
        if not readable:
            raise invalid_relation(call, relation, f"there is no row {row_id}.")
        return row[0], shown_row(call, related, row)
    view = _change(transaction, call, related, row, changes, "update", nesting)
    return row[0], view if readable else None


def _create_related(
    transaction: Transaction,
    call: DialectCall,
    related: UserTable,
    row_id: str,
    data: Fields,
    keys: Mapping[str, int],
    nesting: Nesting,
    around: list[str],
) -> tuple[int, Any]:
    """Write a new related row; as :func:`_related_row`."""
    caller = call.context.caller
    permissions = given_permissions(data.get("$permissions"))
    values = new_values(call, related, data)
    prepared = prepare_row(call, related, row_id, values, permissions, around=around)
    prepared.changes.keys.update(keys)
    sequence, view = _write(transaction, call, prepared, nesting)
    readable = may(caller, "read", related.permissions) or (
        related.row_security and may(caller, "read", prepared.permissions)
    )
    return sequence, view if readable else None


def _insert(transaction: Transaction, call: DialectCall, row: NewRow) -> int:
    try:
        return insert_row(transaction.connection, row.table, row.id, row.permissions, row.changes)
    except DuplicateRowError:
        word = call.dialect.word("row")
        raise call.dialect.error("row_already_exists", f"There is a {word} with this id.") from None
    except DuplicateValueError:
        raise duplicate_value(call) from None


def duplicate_value(call: DialectCall) -> TidewireError:
    """The error for values that another row has, where a unique index allows that to one row only."""
    word = call.dialect.word("row")
    message = f"There is a {word} with these values, of which there can only be one."
    return call.dialect.error("row_unique_constraint_violation", message)
