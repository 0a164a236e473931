"""The overlay of a staging connection: changes of rows that only it sees, and that stand in no real table.

An overlay is a temporary database that is attached to a connection. For each table of rows that was written
to on this connection it has a table with the same columns and the same indexes. The name of the table then
leads to a view: the rows of the real table that were not written to, and those of the overlay. So code that
reads needs to know nothing of all this. Code that writes asks where to write
(:mod:`tidewire.store.user_tables.staging`); a row is copied into the overlay when it is first written to. The
real tables cannot be changed on such a connection, whatever statement is tried.

The connection sees what others commit, except in rows that were written to on it. When the definition of a
table in the overlay changes, the overlay is of no more use (:func:`is_current`).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sqlite.indexed import Indexed

SCHEMA: Final = "overlay"
Unique = tuple[str, Sequence[Indexed]]
"""Values that only one row of a table may have: a name for them, and the parts that they are made of."""
FIRST_SEQUENCE: Final = 2**52
"""The first sequence of rows that are new in an overlay: no real table has so many rows.

Clients are not shown such sequences.
"""

_CREATE: Final = re.compile(r"CREATE (VIRTUAL )?(?:UNIQUE )?(TABLE|INDEX|TRIGGER) ", re.IGNORECASE)
WORDS_KEY: Final = "rowid"
"""The column of an index of words that holds the sequence of the row."""
BOXES_KEY: Final = "id"
"""The column of an index of boxes that holds the sequence of the row."""
_OF_BOXES: Final = ("_node", "_parent", "_rowid")
"""The endings of the names of the tables in which R*Tree keeps an index of boxes."""
_WRITES: Final = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})


def open_overlay(connection: Connection) -> None:
    """Give a connection an overlay, empty as yet; it goes with the connection."""
    _do(connection, "PRAGMA temp_store = FILE")
    _attach(connection)
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.set_authorizer(_guard)
    connection.is_staging = True


def clear_overlay(connection: Connection) -> None:
    """Take everything out of the overlay; no transaction may be open."""
    shown = _do(connection, "SELECT type, name FROM sqlite_temp_master WHERE type IN ('view', 'trigger')")
    for kind, name in shown:
        _do(connection, f"DROP {kind} temp.{name}")
    _do(connection, f"DETACH {SCHEMA}")
    _attach(connection)


def _attach(connection: Connection) -> None:
    # A database without a name is in memory; what is too much for that goes to a file that no one else sees.
    _do(connection, f"ATTACH '' AS {SCHEMA}")
    _do(connection, f"CREATE TABLE {SCHEMA}.overlaid (name TEXT, user_table INTEGER, version TEXT)")


def _guard(action: int, name: str | None, _two: Any, schema: str | None, _source: Any) -> int:
    """Refuse whatever writes to the real tables. SQLite asks this while it prepares a statement."""
    if schema != "main" or action not in _WRITES or not name:
        return sqlite3.SQLITE_OK
    # SQLite announces a table that one of its functions makes up as it announces one that is created, and it
    # prepares statements that could write an index of boxes as soon as that index is read.
    harmless = (action == sqlite3.SQLITE_UPDATE and name == "sqlite_master") or name.endswith(_OF_BOXES)
    return sqlite3.SQLITE_OK if harmless else sqlite3.SQLITE_DENY


def is_current(connection: Connection) -> bool:
    """Whether the tables in the overlay are still defined as they were when they were copied there."""
    changed = (
        f"SELECT 1 FROM {SCHEMA}.overlaid AS known "
        "LEFT JOIN main.user_tables AS present ON present.sequence = known.user_table "
        "WHERE present.version IS NOT known.version LIMIT 1"
    )
    return not _do(connection, changed)


def is_overlaid(connection: Connection, name: str) -> bool:
    """Whether the overlay has a table of this name."""
    known = f"SELECT 1 FROM {SCHEMA}.overlaid WHERE name = ?"
    return bool(_do(connection, known, name))


def _note(connection: Connection, name: str, tables: tuple[int, ...]) -> None:
    for table in tables:
        _do(
            connection,
            f"INSERT INTO {SCHEMA}.overlaid "
            "SELECT ?, sequence, version FROM main.user_tables WHERE sequence = ?",
            name,
            table,
        )


def overlay_rows(
    connection: Connection, rows: str, beside: Mapping[str, str], unique: Sequence[Unique], user_table: int
) -> None:
    """Keep changes of the table ``rows`` in the overlay from now on.

    ``beside`` names the tables beside it, and of each the column that has the sequence of the row.
    ``user_table`` is the sequence of the description: when that changes, the overlay is of no more use.
    """
    _copy_definitions(connection, (rows, *beside))
    _do(connection, f"INSERT INTO {SCHEMA}.sqlite_sequence VALUES (?, ?)", rows, FIRST_SEQUENCE - 1)
    _do(
        connection,
        f"CREATE TABLE {SCHEMA}.{rows}_changed (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)",
    )
    _do(
        connection,
        f"CREATE TRIGGER {SCHEMA}.{rows}_changes AFTER INSERT ON {rows} "
        f"BEGIN INSERT OR IGNORE INTO {rows}_changed VALUES (new.sequence, new.id); END",
    )
    _keep_unique(connection, rows, unique)
    # Rows are left out by id: another row of that id that others make in the real table is not seen either.
    _show(connection, rows, _columns(connection, rows), f"id NOT IN (SELECT id FROM {SCHEMA}.{rows}_changed)")
    for name, key in beside.items():
        shown = _columns(connection, name)
        if not shown:
            continue
        if key == WORDS_KEY:
            # A search for words names the hidden column, which has the name of the index.
            shown = [key, name]
        _show(connection, name, shown, f"{key} NOT IN (SELECT sequence FROM {SCHEMA}.{rows}_changed)")
    _note(connection, rows, (user_table,))


def overlay_pairs(connection: Connection, name: str, user_tables: tuple[int, ...]) -> None:
    """Keep changes of a table of pairs, of rows of these tables, in the overlay from now on."""
    _copy_definitions(connection, (name,))
    _do(
        connection,
        f"CREATE TABLE {SCHEMA}.{name}_changed (parent INTEGER, child INTEGER, PRIMARY KEY (parent, child)) "
        "WITHOUT ROWID",
    )
    _do(
        connection,
        f"CREATE TRIGGER {SCHEMA}.{name}_changes AFTER INSERT ON {name} "
        f"BEGIN INSERT OR IGNORE INTO {name}_changed VALUES (new.parent, new.child); END",
    )
    changed = f"SELECT parent, child FROM {SCHEMA}.{name}_changed"
    _show(connection, name, ["parent", "child"], f"(parent, child) NOT IN ({changed})")
    _note(connection, name, user_tables)


def copy_pairs(connection: Connection, name: str, given: Mapping[str, int]) -> None:
    """Copy the pairs with the given values into the overlay, but for those that are there or were changed."""
    found = " AND ".join(f"{column} = {value:d}" for column, value in given.items())
    _do(
        connection,
        f"INSERT INTO {SCHEMA}.{name} SELECT parent, child FROM main.{name} "
        f"WHERE {found} AND (parent, child) NOT IN (SELECT parent, child FROM {SCHEMA}.{name}_changed)",
    )


def _copy_definitions(connection: Connection, tables: tuple[str, ...]) -> None:
    """Make tables, their indexes and triggers in the overlay as they are in the database.

    Values that are unique there must be so in both together, which no index can ensure
    (:func:`_keep_unique`).
    """
    marks = ", ".join("?" * len(tables))
    found = _do(
        connection,
        "SELECT type, name, sql FROM main.sqlite_master "
        f"WHERE sql IS NOT NULL AND (name IN ({marks}) OR (tbl_name IN ({marks}) AND type <> 'table')) "
        "ORDER BY rowid",
        *tables,
        *tables,
    )
    for kind, name, sql in found:
        # Triggers write to the tables beside the rows; those of tables that are left out are not copied.
        if kind != "trigger" or name.rpartition("_")[0] in tables:
            _do(connection, _CREATE.sub(rf"CREATE \1\2 {SCHEMA}.", sql, count=1))


def _columns(connection: Connection, name: str) -> list[str]:
    return [row[1] for row in _do(connection, f"PRAGMA {SCHEMA}.table_info({name})")]


def _show(connection: Connection, name: str, columns: list[str], unchanged: str) -> None:
    """Let ``name`` mean the unchanged rows of the database together with those of the overlay."""
    shown = ", ".join(f"{column} AS {column}" for column in columns)
    _do(
        connection,
        f"CREATE TEMP VIEW {name} AS SELECT {shown} FROM main.{name} WHERE {unchanged} "
        f"UNION ALL SELECT {shown} FROM {SCHEMA}.{name}",
    )


def copy_row(connection: Connection, rows: str, readers: str, sequence: int) -> None:
    """Copy a row, with its readers, into the overlay, unless it is there or was."""
    known = f"SELECT 1 FROM {SCHEMA}.{rows}_changed WHERE sequence = ?"
    if _do(connection, known, sequence):
        return
    columns = ", ".join(_columns(connection, rows))
    for name, shown, key in ((rows, columns, "sequence"), (readers, "role, row", "row")):
        _do(
            connection,
            f"INSERT INTO {SCHEMA}.{name} ({shown}) SELECT {shown} FROM main.{name} WHERE {key} = ?",
            sequence,
        )


def _keep_unique(connection: Connection, rows: str, unique: Sequence[Unique]) -> None:
    """Refuse new values that a row of either table has, as the unique indexes of the real table would.

    Values that a row had before are not looked at: whether others have the same by now is found at the
    commit.
    """
    unchanged = (
        f"SELECT 1 FROM main.{rows} WHERE sequence NOT IN (SELECT sequence FROM {SCHEMA}.{rows}_changed)"
    )
    changed = f"SELECT 1 FROM {SCHEMA}.{rows} WHERE 1"
    inserting, updating = [], []
    for name, indexed in unique:
        kinds = [each.kind for each in indexed if each.path is not None]
        values = [*(each.value for each in indexed), *kinds]
        same = " AND ".join([f"{value('')} = {value('new.')}" for value in values])
        others = f"AND {same} AND sequence <> new.sequence"
        taken = f"(EXISTS ({unchanged} {others}) OR EXISTS ({changed} {others}))"
        refuse = f"SELECT RAISE(ABORT, 'UNIQUE constraint failed: {rows}.{name}') WHERE {taken}"
        different = " OR ".join([f"{value('new.')} IS NOT {value('old.')}" for value in values])
        inserting.append(f"{refuse};")
        updating.append(f"{refuse} AND ({different});")
    for event, condition, checks in (
        ("INSERT", f"WHEN new.sequence >= {FIRST_SEQUENCE}", inserting),
        ("UPDATE", "", updating),
    ):
        _do(
            connection,
            f"CREATE TEMP TRIGGER {rows}_unique_{event} AFTER {event} ON {SCHEMA}.{rows} {condition} "
            f"BEGIN {' '.join(checks)} END",
        )


def _do(connection: Connection, sql: str, *values: Any) -> list[Any]:
    """Execute a statement without SQLAlchemy, which would take longer than the statement."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
    finally:
        cursor.close()
