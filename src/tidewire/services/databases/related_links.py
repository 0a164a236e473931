"""Links between rows made and removed, where the key stands in the other table or in a table of pairs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.related_reading import access_to
from tidewire.services.databases.row_views import Fields, may_with_row, publish_row, shown_row
from tidewire.store.engine.database import Transaction
from tidewire.store.user_tables.access import EVERYTHING
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.loading import find_related_table
from tidewire.store.user_tables.reached import Reached
from tidewire.store.user_tables.related_changes import key_of, remove_pair
from tidewire.store.user_tables.related_rows import find_related
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.rows import Changes, find_row, update_row
from tidewire.store.user_tables.tables import UserTable


def take_itself(table: UserTable, row_id: str, changes: Changes) -> list[Relation]:
    """The relations by which a new row is to name itself; they are removed from ``changes``."""
    relations = [table.relations[key] for key in changes.related]
    found = [
        relation
        for relation in relations
        if relation.own_key and relation.related == table.sequence
        if changes.related[relation.key] in ([row_id], [{"$id": row_id}])
    ]
    for relation in found:
        del changes.related[relation.key]
    return found


def name_itself(
    transaction: Transaction, call: DialectCall, table: UserTable, row_id: str, relations: Sequence[Relation]
) -> Fields:
    """Make a new row name itself, which it could not before it existed; return what is shown of that."""
    row = find_row(transaction.connection, table, row_id)
    assert row is not None
    keys: dict[str, int | None] = {relation.own_key: row[0] for relation in relations}
    update_row(transaction.connection, table, row, Changes(keys=keys, updated_at=row[3]))
    readable = may_with_row(call.context.caller, "read", table, row)
    return {relation.key: shown_row(call, table, row) if readable else None for relation in relations}


def unlink_all_but(
    transaction: Transaction,
    call: DialectCall,
    table: UserTable,
    relation: Relation,
    sequence: int,
    kept: Collection[str | None],
) -> None:
    """Unlink the rows that a row is related to, except those with the ids ``kept``.

    Of many related rows those that the caller may not read stay linked, because they were not in the list
    that the caller was shown. Raises ``general_bad_request`` if more rows would be unlinked than the setting
    ``cascade_rows_max`` allows.
    """
    connection, limit = transaction.connection, call.context.settings.cascade_rows_max
    related = find_related_table(connection, call.context.encryption, relation.related)
    access = access_to(call.context.caller, related) if relation.many else EVERYTHING
    reached = Reached(relation, related, access)
    most = limit + len(kept) + 1
    linked = find_related(connection, table, reached, [sequence], tuple(related.columns), most)
    leaving = [row for _, row in linked if row[1] not in kept]
    if len(leaving) > limit:
        rows = call.dialect.word("rows")
        message = f"This would change more than {limit} related {rows}. Change some of them first."
        raise TidewireError("general_bad_request", message)
    for row in leaving:
        if relation.pairs is not None:
            remove_pair(connection, table, relation, sequence, row[0])
            continue
        changes = Changes(keys={relation.related_key: None}, updated_at=now())
        publish_row(transaction, call, related, update_row(connection, related, row, changes), "update")


def missing_keys(
    transaction: Transaction,
    call: DialectCall,
    relation: Relation,
    related: UserTable,
    row: StoredRow,
    keys: Mapping[str, int],
) -> dict[str, int | None]:
    """Return those of ``keys`` that an existing row does not hold yet.

    Raises ``row_unique_constraint_violation`` if its only place is taken.
    """
    missing: dict[str, int | None] = {}
    for name, sequence in keys.items():
        present = key_of(transaction.connection, related, name, row[0])
        if present == sequence:
            continue
        if present is not None and relation.type == "oneToOne":
            word = call.dialect.word("row")
            message = f"The {word} {row[1]} is related to another {word}, and can only be to one."
            raise call.dialect.error("row_unique_constraint_violation", message)
        missing[name] = sequence
    return missing
