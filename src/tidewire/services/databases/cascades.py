"""What the deletion of a row does to the rows related to it, by the rules of the relationships.

The deletion and everything that follows from it are one unit of work. Rows that name the deleted row are
changed or deleted whoever asks for the deletion: the writer who made them name it accepted the rule. Rows
that the deleted row names, or is paired with, are only deleted if the caller may delete them, because naming
a row takes no right to it. Rows are looked up a step at a time, so that memory stays bounded; the setting
``cascade_rows_max`` bounds how long the writer can be held.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.row_views import may_with_row, publish_row
from tidewire.services.permissions import unauthorized
from tidewire.store.engine.database import Transaction
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.loading import find_related_table
from tidewire.store.user_tables.related_changes import key_of, paired_with, remove_pairs, row_of, rows_naming
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.rows import Changes, delete_row, update_row
from tidewire.store.user_tables.tables import UserTable

STEP_ROWS: Final = 500
"""Related rows that are held in memory at a time, for each row on the way."""

_Doomed = tuple[UserTable, int]
"""A further row to be deleted: its table and its sequence."""


def delete_with_related(
    transaction: Transaction, call: DialectCall, table: UserTable, row: StoredRow
) -> msgspec.Raw:
    """Delete a row, change or delete those related to it, write an event for each; return it as JSON text.

    Raises ``row_delete_restricted``, ``user_unauthorized``, or ``general_bad_request`` for too many rows.
    """
    deletion = _Deletion(transaction, call)
    following = [deletion.begin(table, row)]
    payload = deletion.payload
    while following:
        doomed = next(following[-1], None)
        if doomed is None:
            following.pop()
            continue
        found = row_of(transaction.connection, doomed[0], doomed[1])
        # A row that several rows lead to is gone after the first of them.
        if found is not None:
            following.append(deletion.begin(doomed[0], found))
    return payload


class _Deletion:
    def __init__(self, transaction: Transaction, call: DialectCall) -> None:
        self.payload = msgspec.Raw(b"")
        """The JSON text of the last deleted row."""
        self._transaction = transaction
        self._connection = transaction.connection
        self._call = call
        self._left = call.context.settings.cascade_rows_max + 1

    def begin(self, table: UserTable, row: StoredRow) -> Iterator[_Doomed]:
        """Delete a row; the iterator changes the rows related to it and yields those to be deleted."""
        self._count()
        sequence: int = row[0]
        for relation in table.all_relations:
            if relation.on_delete == "restrict" and self._restricts(table, relation, sequence):
                word = self._call.dialect.word("row")
                raise self._call.dialect.error(
                    "row_delete_restricted",
                    f"The {word} {row[1]} cannot be deleted while it has related ones by {_name(relation)}.",
                )
        named = [
            (relation, key)
            for relation in table.all_relations
            if relation.own_key and relation.type == "oneToOne" and relation.on_delete == "cascade"
            if (key := key_of(self._connection, table, relation.own_key, sequence)) is not None
        ]
        for relation in table.all_relations:
            if relation.pairs is not None:
                named += [(relation, key) for key in self._unpair(table, relation, sequence)]
        delete_row(self._connection, table, sequence)
        self.payload = publish_row(self._transaction, self._call, table, row, "delete")
        return self._consequences(table, sequence, named)

    def _restricts(self, table: UserTable, relation: Relation, sequence: int) -> bool:
        """Whether related rows forbid the deletion; in oneToOne and manyToMany only a parent's can."""
        if relation.type in {"oneToOne", "manyToMany"} and relation.side == "child":
            return False
        itself = sequence if relation.related == table.sequence else None
        if relation.pairs is not None:
            return any(key != itself for key in paired_with(self._connection, table, relation, sequence, 2))
        if relation.type == "oneToOne":
            key = key_of(self._connection, table, relation.own_key, sequence)
            # The row that it names may just have been deleted.
            return key not in {None, itself} and self._row(relation, key) is not None
        if not relation.related_key:
            return False
        related = self._related(relation)
        naming = rows_naming(self._connection, related, relation.related_key, sequence, 2)
        return any(row[0] != itself for row in naming)

    def _consequences(
        self, table: UserTable, sequence: int, named: list[tuple[Relation, int]]
    ) -> Iterator[_Doomed]:
        for relation, key in named:
            row = self._row(relation, key)
            related = self._related(relation)
            if row is not None and not may_with_row(self._call.context.caller, "delete", related, row):
                raise unauthorized("delete", f"a {self._call.dialect.word('row')} that goes with this one")
            yield related, key
        for relation in table.all_relations:
            if relation.related_key:
                yield from self._unnamed(relation, sequence)

    def _unnamed(self, relation: Relation, sequence: int) -> Iterator[_Doomed]:
        """Yield the rows that name the deleted one if they are deleted with it, or else clear their keys."""
        related, name = self._related(relation), relation.related_key
        # A child that does not show its parent is not deleted with it.
        dependent = relation.type != "oneToOne" or relation.two_way
        cascade = relation.on_delete == "cascade" and dependent
        while rows := rows_naming(self._connection, related, name, sequence, STEP_ROWS):
            for row in rows:
                if cascade:
                    yield related, row[0]
                    continue
                self._count()
                changes = Changes(keys={name: None}, updated_at=now())
                changed = update_row(self._connection, related, row, changes)
                publish_row(self._transaction, self._call, related, changed, "update")

    def _unpair(self, table: UserTable, relation: Relation, sequence: int) -> list[int]:
        """Remove the pairs of a row; return the related rows that are to be deleted with it."""
        doomed: list[int] = []
        if relation.on_delete == "cascade" and relation.side == "parent":
            doomed = paired_with(self._connection, table, relation, sequence, self._left)
        remove_pairs(self._connection, table, relation, sequence)
        return doomed

    def _row(self, relation: Relation, sequence: int) -> StoredRow | None:
        return row_of(self._connection, self._related(relation), sequence)

    def _related(self, relation: Relation) -> UserTable:
        return find_related_table(self._connection, self._call.context.encryption, relation.related)

    def _count(self) -> None:
        self._left -= 1
        if self._left <= 0:
            limit = self._call.context.settings.cascade_rows_max
            rows = self._call.dialect.word("rows")
            raise TidewireError(
                "general_bad_request",
                f"This would delete or change more than {limit} related {rows}. Delete or change some of "
                "them first.",
            )


def _name(relation: Relation) -> str:
    return f"the relationship {relation.key}" if relation.key else "a relationship"
