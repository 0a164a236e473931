"""Orders of rows: by columns, by members of documents, and by how near their vectors are."""

from __future__ import annotations

from tidewire.store.user_tables.fields import Field, field_of
from tidewire.store.user_tables.members import member_of
from tidewire.store.user_tables.nearest import NEAREST, nearest_field
from tidewire.store.user_tables.tables import UserTable


def order_field(table: UserTable, key: str) -> Field:
    """Return the field that an order of a page means by a key."""
    if key.startswith(NEAREST):
        return nearest_field(table, key)
    return attribute_field(table, key)


def attribute_field(table: UserTable, key: str) -> Field:
    """Return the field that a client means by an attribute to put rows in order by.

    Raises :class:`tidewire.store.lists.filters.InvalidFilterError` if there is no such thing.
    """
    member = member_of(table, key)
    if member is None:
        return field_of(table, key, "order")
    return Field(key, table.rows, member.value, "document")
