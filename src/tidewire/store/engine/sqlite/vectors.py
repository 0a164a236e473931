"""Functions of SQL that compare vectors: sqlite-vec's where Python can load it, else the same in NumPy.

Both take vectors as sqlite-vec keeps them, numbers of single precision one after the other. Loading takes
tens of milliseconds: a connection gets them when it first needs them.
"""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, func

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sqlite.connections import SQLiteConnection, driver


def packed(vector: Sequence[float]) -> bytes:
    """A vector in the form in which it is compared."""
    return struct.pack(f"<{len(vector)}f", *vector)


def cosine_distance(vector: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """One minus the cosine of the angle between two vectors; NULL if one of them is all zeros."""
    return func.vec_distance_cosine(vector, other)


def euclidean_distance(vector: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The length of the difference between two vectors."""
    return func.vec_distance_l2(vector, other)


def keep_vectors(connection: Connection, kept: str, rows: str, column: str) -> None:
    """Keep the vectors of a column of ``rows`` once more in the new table ``kept``, as they are compared.

    That table is small beside the rows, which is what a list by nearness reads in whole.
    """
    connection.exec_driver_sql(f"CREATE TABLE {kept} (row INTEGER PRIMARY KEY, vector BLOB NOT NULL)")
    insert = f"INSERT OR REPLACE INTO {kept} SELECT new.sequence, tidewire_vector(new.{column})"
    for event in ("INSERT", f"UPDATE OF {column}"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {kept}_{event[:6].lower()} AFTER {event} ON {rows} "
            f"WHEN new.{column} IS NOT NULL BEGIN {insert}; END"
        )
    delete = f"DELETE FROM {kept} WHERE row = old.sequence"  # noqa: S608 - its name is no user's
    connection.exec_driver_sql(f"CREATE TRIGGER {kept}_delete AFTER DELETE ON {rows} BEGIN {delete}; END")


def prepare_vectors(connection: Connection) -> None:
    """Make the functions known to a connection, unless they are already."""
    assert isinstance(connection, SQLiteConnection)
    if not connection.compares_vectors:
        raw = driver(connection)
        connection.compares_vectors = bool(load_extension(raw) or register_fallback(raw))


def load_extension(connection: sqlite3.Connection) -> str:
    """Load sqlite-vec and return its name; empty if it is not installed, or this Python loads no
    extensions."""
    if not hasattr(connection, "enable_load_extension"):
        return ""
    try:
        import sqlite_vec
    except ImportError:
        return ""
    connection.enable_load_extension(True)
    try:
        sqlite_vec.load(connection)
    except sqlite3.OperationalError:
        return ""
    finally:
        connection.enable_load_extension(False)
    return "sqlite-vec"


def register_fallback(connection: sqlite3.Connection) -> str:
    """Make the same functions known, in Python; return what does the work."""
    import numpy

    def read(vector: bytes) -> Any:
        # Sums are made in double precision, because sums of single precision lose digits.
        return numpy.frombuffer(vector, dtype="<f4").astype("f8")

    # One of the two vectors is what a query gives, the same for all rows.
    read_again = lru_cache(maxsize=4)(read)

    def cosine(one: bytes, other: bytes) -> float | None:
        first, second = read(one), read_again(other)
        lengths = math.sqrt(float(first @ first) * float(second @ second))
        return 1 - float(first @ second) / lengths if lengths else None

    def euclidean(one: bytes, other: bytes) -> float:
        difference = read(one) - read_again(other)
        return math.sqrt(float(difference @ difference))

    connection.create_function("vec_distance_cosine", 2, cosine, deterministic=True)
    connection.create_function("vec_distance_l2", 2, euclidean, deterministic=True)
    return "numpy"
