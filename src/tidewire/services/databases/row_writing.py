"""Rows written within a unit of work: permissions, the change, its event, and the rows related to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.ids import unique_id
from tidewire.core.permissions import expand_permissions
from tidewire.core.relationships import MAX_LEVELS
from tidewire.core.time import format_datetime
from tidewire.services.databases.cascades import delete_with_related
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.related_links import missing_keys, name_itself, take_itself, unlink_all_but
from tidewire.services.databases.related_values import Item, invalid_relation
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
    may_in_table,
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


class NewRow(msgspec.Struct, frozen=True, eq=False):
    """A row prepared to be written: everything that can be done before waiting for the writer."""

    table: UserTable
    id: str
    permissions: list[str]
    changes: Changes
    fields: Fields
    """The fields of the row but for ``$sequence``."""
    event: partial[Event]
    """The event, to be made by a call with the payload."""


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
    """Prepare a row; without permissions of its own it gets those of the row ``around`` it.

    Raises ``user_unauthorized`` if the caller may not create it, or grant so much.
    """
    caller = call.context.caller
    if not may_in_table(caller, "create", table):
        raise unauthorized("create", f"a {call.dialect.word('row')} here")
    inherits = given is None and around is not None
    permissions = around if inherits else permissions_of_new_item(caller, given)
    assert permissions is not None
    if table.document is not None:
        require_size(call, changes.values[DOCUMENT])
    presented = table.presented(changes.values)
    updated = format_datetime(changes.updated_at)
    fields = {
        "$id": row_id,
        **system_fields(call, table),
        "$createdAt": format_datetime(changes.created_at) if changes.created_at else updated,
        "$updatedAt": updated,
        "$permissions": permissions,
        **presented,
    }
    event = row_event(call, table, action, row_id, fields)
    return NewRow(table, row_id, permissions, changes, fields, event)


def write_row(transaction: Transaction, call: DialectCall, row: NewRow) -> msgspec.Raw:
    """Write a new row, those given with it, and their events; return the row as JSON text.

    Raises ``row_already_exists``, ``row_unique_constraint_violation`` or ``relationship_value_invalid``.
    """
    return _Writing(transaction, call).create(row)[1]


def insert_silently(transaction: Transaction, call: DialectCall, row: NewRow) -> None:
    """Write a new row without its event, because it is to be changed at once."""
    _Writing(transaction, call).insert(row)


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
    return _Writing(transaction, call).change(table, row, changes, action)


def remove_row(transaction: Transaction, call: DialectCall, table: UserTable, row: StoredRow) -> msgspec.Raw:
    """Delete a row and write its event. Raises ``user_unauthorized`` or ``row_delete_restricted``."""
    if not may_with_row(call.context.caller, "delete", table, row):
        raise unauthorized("delete", f"this {call.dialect.word('row')}")
    if table.all_relations:
        return delete_with_related(transaction, call, table, row)
    delete_row(transaction.connection, table, row[0])
    return publish_row(transaction, call, table, row, "delete")


def duplicate_value(call: DialectCall) -> TidewireError:
    """The error for values that another row has, where a unique index allows that to one row only."""
    word = call.dialect.word("row")
    message = f"There is a {word} with these values, of which there can only be one."
    return call.dialect.error("row_unique_constraint_violation", message)


class _Writing:
    """A request that writes a row, and the rows nested in it; one object for each level of nesting."""

    def __init__(
        self, transaction: Transaction, call: DialectCall, level: int = 0, items: list[int] | None = None
    ) -> None:
        self._transaction = transaction
        self._connection = transaction.connection
        self._call = call
        self._caller = call.context.caller
        self._level = level
        self._items = [0] if items is None else items
        """The number of related rows so far, on all levels."""

    def create(self, row: NewRow) -> tuple[int, msgspec.Raw]:
        """Write a new row; return its sequence and its JSON text."""
        itself = take_itself(row.table, row.id, row.changes)
        shown = self._relate_before(row.table, row.changes, row.permissions)
        sequence = self.insert(row)
        if itself:
            shown |= name_itself(self._transaction, self._call, row.table, row.id, itself)
        shown_sequence = b"%d" % sequence if sequence < FIRST_SEQUENCE else b""
        payload = b'{"$sequence":"%s",' % shown_sequence + _encode(row.fields)[1:]
        self._transaction.append(row.event(payload=payload))
        if row.changes.related:
            shown |= self._relate_after(row.table, sequence, row.changes, row.permissions, new=True)
        return sequence, _with_related(msgspec.Raw(payload), shown)

    def insert(self, row: NewRow) -> int:
        """Write a new row alone; return its sequence."""
        try:
            return insert_row(self._connection, row.table, row.id, row.permissions, row.changes)
        except DuplicateRowError:
            word = self._call.dialect.word("row")
            message = f"There is a {word} with this id."
            raise self._call.dialect.error("row_already_exists", message) from None
        except DuplicateValueError:
            raise duplicate_value(self._call) from None

    def change(self, table: UserTable, row: StoredRow, changes: Changes, action: str) -> msgspec.Raw:
        """Change a row; return its JSON text."""
        transaction, call = self._transaction, self._call
        changes = completed(call, table, row, changes)
        kept = changes.permissions is None or changes.permissions == permissions_of(row)
        unchanged = kept and not changes.related and not changes.keys and changes_nothing(table, row, changes)
        allowed = may_with_row(self._caller, "update", table, row)
        if not allowed and not (unchanged and may_with_row(self._caller, "read", table, row)):
            raise unauthorized("update", f"this {call.dialect.word('row')}")
        if changes.permissions is not None:
            require_grantable(self._caller, changes.permissions)
        if not allowed:
            # A caller who may only read does not change the row, not even its time.
            return publish_row(transaction, call, table, row, action)
        permissions = permissions_of(row) if changes.permissions is None else changes.permissions
        shown = self._relate_before(table, changes, permissions)
        try:
            changed = update_row(self._connection, table, row, changes)
        except DuplicateValueError:
            raise duplicate_value(call) from None
        except NoResultError as error:
            raise invalid_operation(call, error.key, str(error)) from None
        require_fitting(call, table, changed, changes)
        payload = publish_row(transaction, call, table, changed, action)
        if changes.related:
            shown |= self._relate_after(table, row[0], changes, permissions)
        return _with_related(payload, shown)

    def _relate_before(self, table: UserTable, changes: Changes, permissions: list[str]) -> Fields:
        """Write and find the rows that the row itself is to name, and note them in ``changes``.

        ``permissions`` are those of the row. Returns what is shown of the related rows.
        """
        shown: Fields = {}
        for key, items in changes.related.items():
            relation = table.relations[key]
            if not relation.own_key:
                continue
            changes.keys[relation.own_key] = shown[key] = None
            related = self._related(relation)
            for item in items:
                within = self._deeper(relation, item)
                sequence, shown[key] = within.write_nested(relation, related, item, {}, permissions)
                changes.keys[relation.own_key] = sequence
        return shown

    def _relate_after(
        self, table: UserTable, sequence: int, changes: Changes, permissions: list[str], *, new: bool = False
    ) -> Fields:
        """Write and find the rows that are to name the row, or to be paired with it; unlink the others.

        ``permissions`` are those of the row. Returns what is shown of the related rows.
        """
        shown: Fields = {}
        for key, items in changes.related.items():
            relation = table.relations[key]
            if relation.own_key:
                continue
            if not new:
                named = {item if isinstance(item, str) else item.get("$id") for item in items}
                unlink_all_but(self._transaction, self._call, table, relation, sequence, named)
            keys = {relation.related_key: sequence} if relation.related_key else {}
            related, views = self._related(relation), dict[int, Any]()
            for item in items:
                within = self._deeper(relation, item)
                other, view = within.write_nested(relation, related, item, keys, permissions)
                if relation.pairs is not None:
                    add_pair(self._connection, table, relation, sequence, other)
                views[other] = view
            visible = [view for view in views.values() if view is not None]
            shown[key] = visible if relation.many else (visible or [None])[0]
        return shown

    def _related(self, relation: Relation) -> UserTable:
        return find_related_table(self._connection, self._call.context.encryption, relation.related)

    def _deeper(self, relation: Relation, item: Item) -> _Writing:
        """One level further, for one related row. Raises ``relationship_value_invalid``."""
        limit = self._call.context.settings.related_rows_max
        self._items[0] += 1
        if self._items[0] > limit:
            problem = f"a request can be given at most {limit} related rows."
            raise invalid_relation(self._call, relation, problem)
        if self._level == MAX_LEVELS and isinstance(item, dict):
            problem = f"rows can be nested {MAX_LEVELS} levels deep."
            raise invalid_relation(self._call, relation, problem)
        return _Writing(self._transaction, self._call, self._level + 1, self._items)

    def write_nested(
        self, relation: Relation, related: UserTable, item: Item, keys: Mapping[str, int], around: list[str]
    ) -> tuple[int, Any]:
        """Write a related row if the request says so; return its sequence, and what is shown of it.

        The latter is None if the row is hidden. ``keys`` are what it is to name, ``around`` the permissions
        of the row that it stands in. Raises ``relationship_value_invalid`` or ``user_unauthorized``.
        """
        call, caller = self._call, self._caller
        if not (related.enabled or caller.bypasses_permissions):
            raise invalid_relation(call, relation, "the related table is disabled.")
        given = {"$id": item} if isinstance(item, str) else item
        back = related.back_key(relation)
        # A nested row belongs to the row that it stands in, whatever it says itself.
        data = {key: value for key, value in given.items() if not keys or key != back}
        row_id = given.get("$id", "unique()")
        row = None if row_id == "unique()" else find_row(self._connection, related, row_id)
        readable = row is not None and may_with_row(caller, "read", related, row)
        if isinstance(item, str) and not readable:
            raise invalid_relation(call, relation, f"there is no row {item}.")
        hidden = row is not None and not readable and not may_with_row(caller, "update", related, row)
        if hidden and may_in_table(caller, "create", related):
            raise invalid_relation(call, relation, f"there is no row {row_id}.")
        if row is None or hidden:
            # For a hidden row the answer is the same as for none: that the caller may not create one.
            new_id = unique_id() if row_id == "unique()" else row_id
            return self._create_nested(related, new_id, data, keys, around)
        permissions = given_permissions(data.get("$permissions"))
        changes = changed_values(call, related, data)
        changes.permissions = expand_permissions(permissions, ITEM_ACTIONS)
        if changes.permissions == permissions_of(row):
            changes.permissions = None
        changes.keys.update(missing_keys(self._transaction, call, relation, related, row, keys))
        kept = changes.permissions is None and not changes.keys and not changes.related
        if kept and changes_nothing(related, row, changes):
            if not readable:
                raise invalid_relation(call, relation, f"there is no row {row_id}.")
            return row[0], shown_row(call, related, row)
        view = self.change(related, row, changes, "update")
        return row[0], view if readable else None

    def _create_nested(
        self, related: UserTable, row_id: str, data: Fields, keys: Mapping[str, int], around: list[str]
    ) -> tuple[int, Any]:
        permissions = given_permissions(data.get("$permissions"))
        values = new_values(self._call, related, data)
        prepared = prepare_row(self._call, related, row_id, values, permissions, around=around)
        prepared.changes.keys.update(keys)
        sequence, view = self.create(prepared)
        readable = may_in_table(self._caller, "read", related) or (
            related.row_security and may(self._caller, "read", prepared.permissions)
        )
        return sequence, view if readable else None


def _with_related(payload: msgspec.Raw, shown: Fields) -> msgspec.Raw:
    """The text of a row with what is shown of its related rows."""
    return msgspec.Raw(bytes(payload)[:-1] + b"," + _encode(shown)[1:]) if shown else payload
