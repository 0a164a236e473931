"""Connections to files of SQLite, opened in the one way that every part of the store relies on."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sqlite.functions import register_functions
from tidewire.store.secrets.encryption import Encryption

Synchronous = Literal["full", "normal"]
"""``full``: a commit survives a power cut. ``normal``: it survives only the death of the process."""

BUSY_TIMEOUT_MS: Final = 10_000
"""Milliseconds that a connection waits for another process's lock."""


class SQLiteConnection(Connection):
    """A connection to a file of SQLite."""

    compares_vectors = False
    """Whether the functions that compare vectors are registered on it.

    See :mod:`tidewire.store.engine.sqlite.vectors`.
    """


def _encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_wanted: Final[ContextVar[Callable[[], sqlite3.Connection]]] = ContextVar("wanted connection")
_engine: Final = create_engine(
    "sqlite+pysqlite://",
    creator=lambda: _wanted.get()(),
    poolclass=NullPool,
    pool_reset_on_return=None,
    hide_parameters=True,  # errors are logged, and parameters may be secrets
    json_serializer=_encode_json,
    json_deserializer=msgspec.json.decode,
)
"""The engine of all databases: their connections share compiled statements, which take time and memory."""
_STATEMENTS_CACHED: Final = 512
_WAL_KEPT_BYTES: Final = 64 * 1024 * 1024


def connect(
    path: Path,
    project_id: str,
    synchronous: Synchronous,
    *,
    read_only: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    encryption: Encryption | None = None,
    list_bytes: float = math.inf,
) -> SQLiteConnection:
    """Open a connection that never begins or ends a transaction by itself.

    Whoever uses it says BEGIN and COMMIT to the driver's connection (:func:`driver`). ``encryption`` seals
    what the event log keeps sealed. ``list_bytes``: what one list may show.
    """

    def open_driver() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path,
            timeout=busy_timeout_ms / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS_CACHED,
        )
        execute_patiently(connection, f"PRAGMA synchronous = {synchronous.upper()}")
        connection.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten in the file, as many builds of SQLite do anyway.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
        register_functions(connection)
        if read_only:
            make_read_only(connection)
        return connection

    wanted = _wanted.set(open_driver)
    try:
        return SQLiteConnection(_engine, project_id, encryption, list_bytes)
    finally:
        _wanted.reset(wanted)


def empty_log(path: Path) -> None:
    """Empty the write-ahead log of a database into its file, as far as nobody reads what is in it."""
    timeout = BUSY_TIMEOUT_MS / 1000
    with closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def make_read_only(connection: sqlite3.Connection) -> None:
    """Let a connection change nothing from now on."""
    connection.execute("PRAGMA query_only = ON")
    # This is not for writers: what a savepoint remembers in memory is a list that each statement walks
    # through to its end, so that a unit of many statements would take the square of their number.
    connection.execute("PRAGMA temp_store = MEMORY")


def execute_patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Execute a PRAGMA that reads the file, also while another process lets go of it.

    SQLite does not always wait then, whatever the connection's timeout.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def driver(connection: Connection) -> sqlite3.Connection:
    """The driver's connection under ``connection``."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw
