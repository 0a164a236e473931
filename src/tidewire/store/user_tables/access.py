"""Access to rows: which rows of a table a caller may read, as a condition in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, select

from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import MAX_TOTAL
from tidewire.store.user_tables.tables import UserTable

FEW_ROWS: Final = 5000
"""The most rows that are found by their own permissions. If a caller may read more, rows are found in another
way and their permissions looked up."""
_ROLES_STEP: Final = 8
"""Roles are filled up to a multiple of this number, so that their count does not make many statements."""


class Access:
    """The rows that a caller may read: all, or those that grant it to one of the caller's roles."""

    __slots__ = ("few", "roles")

    def __init__(self, roles: Sequence[str] | None = None) -> None:
        """``roles``: those held, ``any`` included; None: all rows may be read."""
        self.roles: list[str] = list(roles or ())
        self.roles += self.roles[-1:] * (-len(self.roles) % _ROLES_STEP)
        self.few = False

    @property
    def shape(self) -> tuple[int, bool]:
        """The part of the access that a statement depends on."""
        return (len(self.roles), self.few)

    @property
    def values(self) -> dict[str, str]:
        """The values of the statement's parameters."""
        return {f"r{number}": role for number, role in enumerate(self.roles)}

    def conditions(self, table: UserTable) -> list[ColumnElement[bool]]:
        """The condition on a row, if there is one."""
        if not self.roles:
            return []
        held: list[ColumnElement[Any]] = [bindparam(f"r{number}") for number in range(len(self.roles))]
        if self.few:
            readers = table.readers.c
            return [table.rows.c.sequence.in_(select(readers.row).where(readers.role.in_(held)))]
        return [granted(table, held)]

    def weigh(self, connection: Connection, table: UserTable, *, exactly: bool) -> int:
        """Find out whether there are few rows, which decides how they are found.

        Returns how many there are, ``MAX_TOTAL`` or a little more if there are more. Unless ``exactly``,
        a row counts once for each role that may read it.
        """
        self.few = False
        statement = table.prepared(
            ("readable", len(self.roles), exactly), lambda: self._count(table, exactly=exactly)
        )
        count: int = statement.fetch(connection, self.values)[0][0]
        self.few = count <= FEW_ROWS
        return count

    def _count(self, table: UserTable, *, exactly: bool) -> Select[Any]:
        readers = table.readers.c
        held = readers.role.in_([bindparam(f"r{number}") for number in range(len(self.roles))])
        some = select(readers.row).where(held).limit(max(FEW_ROWS + 1, MAX_TOTAL))
        return select(func.count()).select_from((some.distinct() if exactly else some).subquery())


EVERYTHING: Final = Access()


def granted(table: UserTable, roles: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    """The condition that a row grants reading to one of the roles."""
    readers = table.readers.c
    return exists(select(1).where(readers.role.in_(roles), readers.row == table.rows.c.sequence))
