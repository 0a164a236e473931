"""Rows related to those that a request reads: one statement for each relation and level of what is selected.

A caller sees related rows as in their own table. Rows that it may not read are left out: null where there is
one related row, absent from lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.row_memory import counting
from tidewire.services.databases.row_views import Fields, may_in_table, shown_rows
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import TooLargeError
from tidewire.store.engine.sizes import row_size
from tidewire.store.user_tables.access import EVERYTHING, Access
from tidewire.store.user_tables.listing import StoredRow, too_large
from tidewire.store.user_tables.loading import find_related_table
from tidewire.store.user_tables.reached import Reach, Reached
from tidewire.store.user_tables.related_rows import find_related
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.selections import Selection
from tidewire.store.user_tables.tables import UserTable


def access_to(caller: Caller, table: UserTable) -> Access | None:
    """Return which rows of a table a caller may read; None: none at all."""
    if not (table.enabled or caller.bypasses_permissions):
        return None
    if may_in_table(caller, "read", table):
        return EVERYTHING
    return Access(list(dict.fromkeys((*caller.roles, "any")))) if table.row_security else None


def reach_of(connection: Connection, call: DialectCall) -> Reach:
    """A function that finds the tables which a request reaches through relations."""

    def reach(relation: Relation) -> Reached:
        table = find_related_table(connection, call.context.encryption, relation.related)
        return Reached(relation, table, access_to(call.context.caller, table))

    return reach


def add_related(
    connection: Connection,
    call: DialectCall,
    table: UserTable,
    rows: Sequence[StoredRow],
    shown: Sequence[Fields],
    related: Mapping[str, Selection],
) -> None:
    """Add the selected fields of related rows to rows as they are shown.

    Raises ``general_query_invalid`` if these are more than the settings ``related_rows_max`` and
    ``list_bytes_max`` allow.
    """
    settings = call.context.settings
    try:
        sizes, widths = _add(connection, call, table, rows, shown, related)
    except TooLargeError:
        raise too_large(settings.list_bytes_max) from None
    if sum(sizes) - len(sizes) > settings.related_rows_max:
        raise _too_many(call)
    if sum(widths) > settings.list_bytes_max:
        raise too_large(settings.list_bytes_max)


def _add(
    connection: Connection,
    call: DialectCall,
    table: UserTable,
    rows: Sequence[StoredRow],
    shown: Sequence[Fields],
    related: Mapping[str, Selection],
) -> tuple[list[int], list[int]]:
    """Add them; return how many rows and bytes each row has then, itself and everything nested in it."""
    sizes, widths = [1] * len(rows), list(map(row_size, rows))
    places = {row[0]: place for place, row in enumerate(rows)}
    limit, max_bytes = call.context.settings.related_rows_max, call.context.settings.list_bytes_max
    for key, selection in related.items():
        relation, columns = selection.reached.relation, selection.columns
        pairs = find_related(
            connection,
            table,
            selection.reached,
            list(places),
            columns,
            limit + 1,
            max_bytes,
            counting(call, selection.reached.table),
        )
        if len(pairs) > limit:
            raise _too_many(call)
        found = {row[0]: row for _, row in pairs}
        views = shown_rows(call, selection.reached.table, found.values(), columns, selection.selected)
        within = _add(
            connection, call, selection.reached.table, list(found.values()), views, selection.related
        )
        for fields in shown:
            fields[key] = [] if relation.many else None
        view_of = dict(zip(found, zip(views, *within, strict=True), strict=True))
        for owner, row in pairs:
            place = places[owner]
            view, size, width = view_of[row[0]]
            sizes[place] += size
            widths[place] += width
            if relation.many:
                shown[place][key].append(view)
            else:
                shown[place][key] = view
    return sizes, widths


def _too_many(call: DialectCall) -> TidewireError:
    limit = call.context.settings.related_rows_max
    word, table = call.dialect.word("rows"), call.dialect.word("table")
    return TidewireError(
        "general_query_invalid",
        f"Invalid query: the answer would show more than {limit} related {word}. Ask for a smaller page, or "
        f"list the related {word} in their own {table} with a query on the relationship.",
    )
